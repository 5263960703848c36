"""What can be added, and in which groups it goes to the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Optional, Union

from .types import Progress

if TYPE_CHECKING:
    from .jobs import OnProgress

    #: Bytes: ``bytes``, ``bytearray``, ``memoryview`` and other objects with a buffer of bytes.
    Content = Union[bytes, bytearray, memoryview]
else:
    Content = Any

#: Files that are added by one call, between two reports of progress. They become durable together.
BATCH_FILES = 2000
#: Objects that are added by one call.
BATCH_OBJECTS = 20_000
#: Bytes of objects after which such a call is made.
BATCH_BYTES = 16 << 20


def path_of(content: object) -> Optional[str]:
    """Return the path, if it is one. A ``str`` could be meant as a path or as text, and is refused."""
    if isinstance(content, str):
        raise TypeError("a str is neither bytes nor a path: encode it, or use pathlib.Path")
    return os.fspath(content) if isinstance(content, os.PathLike) else None


def is_file(content: object) -> bool:
    """Whether it can be read like an open file."""
    return not isinstance(content, bytes) and hasattr(content, "read")


def batches(contents: Iterable[Any]) -> Iterator[list[Any]]:
    """Split contents into lists that fit in memory together."""
    batch: list[Any] = []
    size = 0
    for content in contents:
        batch.append(content)
        size += len(content)
        if size >= BATCH_BYTES or len(batch) == BATCH_OBJECTS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _size(path: str) -> int:
    """Return the size of a file that was added; 0 when it is gone by now."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def add_files(
    add: Callable[[list[str]], list[str]],
    paths: Iterable[Union[str, os.PathLike[str]]],
    size: int,
    progress: Optional[OnProgress],
) -> list[str]:
    """Add files in groups of ``size``, and report progress after each: files, of all files, and their bytes."""
    if isinstance(paths, (str, os.PathLike)):
        raise TypeError(f"expected an iterable of paths, not a single {type(paths).__name__}")
    names = [os.fspath(path) for path in paths]
    ids: list[str] = []
    added = 0
    for start in range(0, len(names), size):
        group = names[start : start + size]
        ids += add(group)
        if progress is not None:
            added += sum(map(_size, group))
            progress(Progress(len(ids), len(names), len(ids), added))
    return ids
