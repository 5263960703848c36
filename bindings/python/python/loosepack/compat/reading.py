"""Reading many objects as streams, with what is known of each."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from .. import container as ours
from ..errors import Corrupt, NotFound
from ..streams import ObjectReader
from .dataclasses import ObjectMeta, ObjectType
from .exceptions import InconsistentContent
from .utils import chunk_iterator

#: Objects of at most this size, in bytes, are read into memory.
SMALL = 1 << 20
#: Objects that are looked up together, and bytes of them that are in memory together.
LOOKED_UP, TOGETHER = 10_000, 16 << 20

MISSING = ObjectMeta(ObjectType.MISSING, None, None, None, None, None)

Triplet = tuple[str, Any, ObjectMeta]


class Content(io.BytesIO):
    """A small object as a stream."""

    mode = "rb"

    def writable(self) -> bool:
        """Return False."""
        return False

    def write(self, _: object) -> int:
        """Fail: an object does not change."""
        raise io.UnsupportedOperation("not writable")


class Large(ObjectReader):
    """A large object as a stream. Damage is ``InconsistentContent``, as everywhere."""

    def read(self, size: Optional[int] = -1, /) -> bytes:
        """Read ``size`` bytes, or fewer at the end; all that are left when it is negative or ``None``."""
        try:
            return super().read(size)
        except Corrupt as error:
            raise InconsistentContent(str(error)) from error

    def readinto(self, buffer, /) -> int:  # type: ignore[no-untyped-def]
        """Read into a buffer of bytes. Return their number, 0 at the end."""
        try:
            return super().readinto(buffer)
        except Corrupt as error:
            raise InconsistentContent(str(error)) from error


def is_key(text: object) -> bool:
    """Whether it could be a key. No object has another ``str`` as its key.

    :raises TypeError: for anything but a ``str``.
    """
    if not isinstance(text, str):
        raise TypeError(f"a hash key is a str, not {type(text).__name__}")
    return len(text) == 64 and not text.strip("0123456789abcdef")


def meta_of(size: int, place: Optional[tuple[int, int, int]]) -> ObjectMeta:
    """What ``disk_objectstore`` tells of an object. ``place``: pack, offset and length of a packed one."""
    if place is None:
        return ObjectMeta(ObjectType.LOOSE, size, None, None, None, None)
    pack, offset, length = place
    return ObjectMeta(ObjectType.PACKED, size, pack, length != size, offset, length)


def meta(store: ours.Container, key: str) -> ObjectMeta:
    """What is known of one key."""
    found = store._info([key])[0] if is_key(key) else None
    return MISSING if found is None else meta_of(*found)


def open_object(store: ours.Container, key: str, size: int) -> Any:
    """Open an object as a stream.

    :raises NotFound: when there is none.
    :raises InconsistentContent: when it is small, and damaged. Larger ones raise when they are read.
    """
    try:
        if size <= SMALL:
            return Content(store.get(key))
        return io.BufferedReader(Large(store._reader(key), key), 256 << 10)
    except Corrupt as error:
        raise InconsistentContent(str(error)) from error


def metas(store: ours.Container, keys: Iterable[str], skip_missing: bool) -> Iterator[tuple[str, ObjectMeta]]:
    """What is known of each key, in the order of places: packed objects, loose ones, missing ones."""
    for chunk in chunk_iterator(dict.fromkeys(keys), LOOKED_UP):
        known = [key for key in chunk if is_key(key)]
        packed, loose = [], []
        missing = set(chunk)
        for key, found in zip(known, store._info(known)):
            if found is not None:
                missing.discard(key)
                size, place = found
                if place is None:
                    loose.append((key, size))
                else:
                    packed.append((place, key, size))
        packed.sort()
        for place, key, size in packed:
            yield key, meta_of(size, place)
        for key, size in loose:
            yield key, meta_of(size, None)
        if missing and not skip_missing:
            yield from ((key, MISSING) for key in chunk if key in missing)


def triplets(store: ours.Container, keys: Iterable[str], skip_missing: bool) -> Iterator[Triplet]:
    """Key, stream and what is known of each key. Small objects are read together."""
    group: list[tuple[str, ObjectMeta]] = []
    size = 0
    for key, meta in metas(store, keys, skip_missing):
        group.append((key, meta))
        size += meta.size if meta.size is not None and meta.size <= SMALL else 0
        if size >= TOGETHER or len(group) == LOOKED_UP:
            yield from _opened(store, group, skip_missing)
            group, size = [], 0
    yield from _opened(store, group, skip_missing)


def _opened(store: ours.Container, group: list[tuple[str, ObjectMeta]], skip_missing: bool) -> Iterator[Triplet]:
    small = [key for key, meta in group if meta.size is not None and meta.size <= SMALL]
    contents: dict[str, bytes] = {}
    # An object that is damaged is left out here: it fails when it is its turn.
    batch = store.read_many(small, skip_missing=True)
    # At most one exception for each object: what cannot be read at all fails again and again.
    for _ in range(len(small) + 1):
        try:
            contents.update(batch)
            break
        except Corrupt as error:
            last = error
    else:
        raise InconsistentContent(str(last)) from last
    for key, meta in group:
        stream: Any = None
        if key in contents:
            stream = Content(contents.pop(key))
        elif meta.size is not None:
            try:
                stream = open_object(store, key, meta.size)
            except NotFound:
                # It was deleted a moment ago.
                if skip_missing:
                    continue
                meta = MISSING
        yield key, stream, meta
