"""Reading many objects as streams, with what is known of each."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from .. import container as ours
from ..errors import Corrupt, NotFound
from ..types import ObjectInfo
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


def is_key(text: object) -> bool:
    """Whether it could be a key. A ``str`` that is none names no object.

    :raises TypeError: for what is no ``str``.
    """
    if not isinstance(text, str):
        raise TypeError(f"a hash key is a str, not {type(text).__name__}")
    return len(text) == 64 and not text.strip("0123456789abcdef")


def meta_of(info: Optional[ObjectInfo]) -> ObjectMeta:
    """What ``disk_objectstore`` tells of an object."""
    if info is None:
        return MISSING
    if info.loose:
        return ObjectMeta(ObjectType.LOOSE, info.size, None, None, None, None)
    return ObjectMeta(ObjectType.PACKED, info.size, info.pack, info.compressed, info.offset, info.length)


def open_object(store: ours.Container, key: str, size: int) -> Any:
    """Open an object as a stream.

    :raises NotFound: when there is none.
    :raises InconsistentContent: when it is small, and damaged. Larger ones raise when they are read.
    """
    try:
        return Content(store.get(key)) if size <= SMALL else io.BufferedReader(store.reader(key), 256 << 10)
    except Corrupt as error:
        raise InconsistentContent(str(error)) from error


def metas(store: ours.Container, keys: Iterable[str], skip_missing: bool) -> Iterator[tuple[str, ObjectMeta]]:
    """What is known of each key, in the order of places: packed objects, loose ones, missing ones."""
    for chunk in chunk_iterator(dict.fromkeys(keys), LOOKED_UP):
        known = [key for key in chunk if is_key(key)]
        found = dict(zip(known, map(meta_of, store.info(known))))
        order = {ObjectType.PACKED: 0, ObjectType.LOOSE: 1, ObjectType.MISSING: 2}
        pairs = [(key, found.get(key, MISSING)) for key in chunk]
        pairs.sort(key=lambda pair: (order[pair[1].type], pair[1].pack_id or 0, pair[1].pack_offset or 0))
        yield from (pair for pair in pairs if not skip_missing or pair[1].type is not ObjectType.MISSING)


def triplets(store: ours.Container, keys: Iterable[str], skip_missing: bool) -> Iterator[Triplet]:
    """Key, stream and what is known of each key. Small objects are read together."""
    group: list[tuple[str, ObjectMeta]] = []
    size = 0
    for key, meta in metas(store, keys, skip_missing):
        group.append((key, meta))
        size += meta.size if meta.size is not None and meta.size <= SMALL else 0
        if size >= TOGETHER:
            yield from _opened(store, group, skip_missing)
            group, size = [], 0
    yield from _opened(store, group, skip_missing)


def _opened(store: ours.Container, group: list[tuple[str, ObjectMeta]], skip_missing: bool) -> Iterator[Triplet]:
    small = [key for key, meta in group if meta.size is not None and meta.size <= SMALL]
    contents = {}
    # An object that is damaged is left out here: it fails when it is its turn.
    batch = store.read_many(small, skip_missing=True)
    while True:
        try:
            contents.update(batch)
            break
        except Corrupt:
            continue
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
