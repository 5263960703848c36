"""Iterators: in chunks, and of sorted items."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, Optional

__all__ = ("Location", "chunk_iterator", "detect_where_sorted", "merge_sorted", "yield_first_element")


class Location(Enum):
    """Which of two iterators has an item."""

    LEFTONLY = -1
    BOTH = 0
    RIGHTONLY = 1


def chunk_iterator(iterator: Iterable[Any], size: int) -> Iterator[tuple[Any, ...]]:
    """Split an iterator into tuples of ``size`` items; the last may be shorter."""
    iterator = iter(iterator)
    return iter(lambda: tuple(itertools.islice(iterator, size)), ())


def yield_first_element(iterator: Iterable[Sequence[Any]]) -> Iterator[Any]:
    """Give the first element of each item."""
    return (item[0] for item in iterator)


def _ascending(items: Iterable[Any], side: str) -> Iterator[Any]:
    before: list[Any] = []
    for item in items:
        if before and item <= before[0]:
            raise ValueError(
                f"The {side} iterator does not return sorted unique entries, I got '{item}' after '{before[0]}'"
            )
        before[:] = [item]
        yield item


def detect_where_sorted(
    left_iterator: Iterable[Any],
    right_iterator: Iterable[Any],
    left_key: Optional[Callable[[Any], Any]] = None,
) -> Iterator[tuple[Any, Location]]:
    """Merge two sorted iterators of distinct items, and tell which of them has each item.

    :param left_key: gives what of an item of the left iterator is compared. The left item is given when both have it.
    :raises ValueError: when an iterator is not sorted, or has an item twice.
    """
    key = left_key or (lambda item: item)
    end: Any = object()
    originals: list[Any] = []

    def keys() -> Iterator[Any]:
        for item in left_iterator:
            originals.append(item)
            yield key(item)

    left_keys, right_items = _ascending(keys(), "left"), _ascending(right_iterator, "right")
    left, right = next(left_keys, end), next(right_items, end)
    while left is not end or right is not end:
        if right is end or (left is not end and left < right):
            yield originals.pop(), Location.LEFTONLY
            left = next(left_keys, end)
        elif left is end or right < left:
            yield right, Location.RIGHTONLY
            right = next(right_items, end)
        else:
            yield originals.pop(), Location.BOTH
            left, right = next(left_keys, end), next(right_items, end)


def merge_sorted(iterator1: Iterable[Any], iterator2: Iterable[Any]) -> Iterator[Any]:
    """Give the sorted union of two sorted iterators."""
    return yield_first_element(detect_where_sorted(iterator1, iterator2))
