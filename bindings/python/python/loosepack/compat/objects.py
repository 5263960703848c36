"""Reading objects, and asking for them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional, Union

from ..errors import Corrupt, NotFound
from .dataclasses import ObjectCount, ObjectMeta, ObjectType, TotalSize
from .exceptions import InconsistentContent, NotExistent
from .opening import Opening
from .reading import Triplet, is_key, meta, metas, open_object, triplets
from .utils import LazyLooseStream


class Objects(Opening):
    """A container whose objects are read."""

    def _open(self, hashkey: str) -> Any:
        try:
            return self._open_with_meta(hashkey)[0]
        except NotFound as error:
            raise NotExistent(f"No object with hash key {hashkey}") from error

    def _open_with_meta(self, hashkey: str) -> tuple[Any, ObjectMeta]:
        store = self._readable
        known = meta(store, hashkey)
        if known.size is None:
            raise NotExistent(f"No object with hash key {hashkey}")
        return open_object(store, hashkey, known.size), known

    def get_object_content(self, hashkey: str) -> bytes:
        """Return an object's bytes.

        :raises NotExistent: when there is none.
        """
        store = self._readable
        if is_key(hashkey):
            try:
                return store.get(hashkey)
            except NotFound:
                pass
            except Corrupt as error:
                raise InconsistentContent(str(error)) from error
        raise NotExistent(f"No object with hash key {hashkey}")

    @contextmanager
    def get_object_stream(self, hashkey: str) -> Iterator[Any]:
        """Open an object as a seekable stream.

        :raises NotExistent: when there is none.
        """
        with self._open(hashkey) as stream:
            yield stream

    @contextmanager
    def get_object_stream_and_meta(self, hashkey: str) -> Iterator[tuple[Any, ObjectMeta]]:
        """Open an object as a seekable stream, and tell what is known of it.

        :raises NotExistent: when there is none.
        """
        try:
            stream, known = self._open_with_meta(hashkey)
        except NotFound as error:
            raise NotExistent(f"No object with hash key {hashkey}") from error
        with stream:
            yield stream, known

    @contextmanager
    def get_objects_stream_and_meta(
        self, hashkeys: Iterable[str], skip_if_missing: bool = True
    ) -> Iterator[Iterator[Triplet]]:
        """Give an iterator of key, stream and what is known of it, in the order of places. Each key comes once.

        :param skip_if_missing: leave out keys without an object; otherwise their stream is ``None``.
        """
        yield triplets(self._readable, hashkeys, skip_if_missing)

    def get_objects_content(self, hashkeys: Iterable[str], skip_if_missing: bool = True) -> dict[str, Optional[bytes]]:
        """Return the bytes of objects by their keys; ``None`` for one that is missing, unless it is left out."""
        with self.get_objects_stream_and_meta(hashkeys, skip_if_missing) as found:
            return {key: None if stream is None else stream.read() for key, stream, _ in found}

    def get_objects_meta(
        self, hashkeys: Iterable[str], skip_if_missing: bool = True
    ) -> Iterator[tuple[str, ObjectMeta]]:
        """Return an iterator of key and what is known of it, in the order of places."""
        return metas(self._readable, hashkeys, skip_if_missing)

    def get_object_meta(self, hashkey: str) -> ObjectMeta:
        """Return what is known of an object.

        :raises NotExistent: when there is none.
        """
        known = meta(self._readable, hashkey)
        if known.type is ObjectType.MISSING:
            raise NotExistent(f"No object with hash key {hashkey}")
        return known

    def has_objects(self, hashkeys: Union[list[str], tuple[str, ...]]) -> list[bool]:
        """Return whether each of these objects exists, in order.

        :raises TypeError: when a key is not a ``str``.
        """
        valid = [key for key in hashkeys if is_key(key)]
        found = dict(zip(valid, self._readable.has(valid)))
        return [found.get(key, False) for key in hashkeys]

    def has_object(self, hashkey: str) -> bool:
        """Return whether an object exists."""
        return is_key(hashkey) and hashkey in self._readable

    def list_all_objects(self) -> Iterator[str]:
        """Return an iterator of all keys."""
        return iter(self._readable)

    def count_objects(self) -> ObjectCount:
        """Return the number of objects and packs."""
        stats = self._readable.stats()
        return ObjectCount(packed=stats.packed_objects, loose=stats.loose_objects, pack_files=stats.packs)

    def get_total_size(self) -> TotalSize:
        """Return sizes in bytes."""
        stats = self._readable.stats()
        return TotalSize(
            total_size_packed=stats.packed_size,
            total_size_packed_on_disk=stats.packed_length,
            total_size_packfiles_on_disk=stats.packs_size,
            total_size_packindexes_on_disk=stats.index_size,
            total_size_loose=stats.loose_size,
        )

    def loosen_object(self, hashkey: str) -> Path:
        """Return the path of a file with the object's bytes. It is not to be changed, and is gone after :meth:`close`.

        :raises NotExistent: when there is no such object.
        """
        path = self._folder / "loose" / hashkey[:2] / hashkey[2:]
        if is_key(hashkey) and path.is_file():
            return path
        with self._open(hashkey) as stream:
            if self._loosened is None:
                self._loosened = tempfile.TemporaryDirectory(prefix="loosepack-")
            copy = Path(self._loosened.name, hashkey)
            with tempfile.NamedTemporaryFile(dir=self._loosened.name, delete=False) as file:
                shutil.copyfileobj(stream, file, 1 << 20)
            os.replace(file.name, copy)
        return copy

    def get_lazy_loose_stream(self, hashkey: str) -> LazyLooseStream:
        """Return the object as a stream that is opened later."""
        return LazyLooseStream(self, hashkey)
