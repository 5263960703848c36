"""The class ``Container`` of ``disk_objectstore``, over a container of loosepack."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

from .. import container as ours
from ..errors import AlreadyExists, Corrupt, Error, Locked, NoContainer, NotFound
from . import adding
from .dataclasses import ObjectCount, ObjectMeta, ObjectType, TotalSize, ValidationIssues
from .exceptions import InconsistentContent, NotExistent, NotInitialised
from .progress import Reporter
from .reading import Triplet, is_key, meta, metas, open_object, triplets
from .utils import CallbackStreamWrapper, CompressMode, LazyLooseStream, compression_level, is_known_hash

if TYPE_CHECKING:
    from ..types import Report
    from .utils import Callback

__all__ = ("CompressMode", "Container", "ObjectType")

_NOT_INITIALISED = "The container is not initialised yet - use .init_container() first"
_COMPRESSION = {CompressMode.NO: "never", CompressMode.YES: "always", CompressMode.AUTO: "auto"}


class Container:
    """A container of objects. It may be used by any number of threads at once."""

    def __init__(self, folder: Union[str, os.PathLike[str]]) -> None:
        """Remember the folder. Nothing is opened or made."""
        self._folder = Path(folder).resolve()
        self._opened: Optional[ours.Container] = None
        self._loosened: Optional[tempfile.TemporaryDirectory[str]] = None

    def get_folder(self) -> Path:
        """Return the folder."""
        return self._folder

    def close(self) -> None:
        """Close what is open. The next call opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()
        loosened, self._loosened = self._loosened, None
        if loosened is not None:
            loosened.cleanup()

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _store(self) -> ours.Container:
        """The container of loosepack, opened."""
        opened = self._opened
        if opened is None:
            try:
                opened = self._opened = ours.Container(self._folder)
            except NoContainer as error:
                raise NotInitialised(_NOT_INITIALISED) from error
        return opened

    @property
    def _readable(self) -> ours.Container:
        """The same for calls that fail with ``FileNotFoundError`` when there is no container."""
        try:
            return self._store
        except NotInitialised as error:
            raise FileNotFoundError(f"no container in {self._folder}") from error

    @contextmanager
    def _syncing(self, do_fsync: bool) -> Iterator[ours.Container]:
        """The container, or a handle on it that does not flush."""
        if do_fsync:
            yield self._store
        else:
            self._store  # Fails when there is none.
            with ours.Container(self._folder, durable=False) as store:
                yield store

    # Settings

    @property
    def is_initialised(self) -> bool:
        """Whether there is a container."""
        try:
            return bool(self._store.id)
        except (NotInitialised, Error):
            return False

    def init_container(
        self,
        clear: bool = False,
        pack_size_target: int = 4 * 1024**3,
        loose_prefix_len: int = 2,
        hash_type: str = "sha256",
        compression_algorithm: str = "zlib+1",
    ) -> None:
        """Make the container.

        :param clear: remove all that is in the folder first.
        :raises FileExistsError: when the folder is not empty.
        :raises ValueError: for settings that are out of range, or that loosepack does not have: it names objects by
            their SHA-256, and loose objects have a prefix of 2 digits.
        """
        if loose_prefix_len < 0:
            raise ValueError("The loose prefix length can only be zero or a positive integer")
        if loose_prefix_len != 2:
            raise ValueError(f"loosepack has a loose prefix length of 2 only, not {loose_prefix_len}")
        if pack_size_target <= 0:
            raise ValueError("The pack size target can only be a non-zero positive integer")
        if not is_known_hash(hash_type):
            raise ValueError(f'Unknown hash type "{hash_type}"')
        if hash_type != "sha256":
            raise ValueError(f"loosepack names objects by their sha256 only, not {hash_type}")
        level = compression_level(compression_algorithm)
        if clear:
            self.close()
            if self._folder.exists():
                shutil.rmtree(self._folder)
        try:
            self._opened = ours.Container.create(self._folder, pack_target=pack_size_target, compression_level=level)
        except AlreadyExists as error:
            raise FileExistsError(str(error)) from error

    @property
    def loose_prefix_len(self) -> int:
        """Digits of the names of folders of loose objects: 2."""
        self._store
        return 2

    @property
    def pack_size_target(self) -> int:
        """Bytes from which on a pack takes no further object."""
        return self._store.config.pack_target

    @property
    def hash_type(self) -> str:
        """The hash that names objects: ``"sha256"``."""
        self._store
        return "sha256"

    @property
    def container_id(self) -> str:
        """The container's identifier: 32 hex digits."""
        return self._store.id

    @property
    def compression_algorithm(self) -> str:
        """The algorithm and level of what is compressed: ``"zlib+1"``."""
        return f"zlib+{self._store.config.compression_level}"

    # Reading

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

    def get_objects_content(
        self, hashkeys: Iterable[str], skip_if_missing: bool = True
    ) -> dict[str, Optional[bytes]]:
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
        """Tell which objects exist, in order.

        :raises TypeError: when a key is no ``str``.
        """
        valid = [key for key in hashkeys if is_key(key)]
        found = dict(zip(valid, self._readable.has(valid)))
        return [found.get(key, False) for key in hashkeys]

    def has_object(self, hashkey: str) -> bool:
        """Tell whether an object exists."""
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

    # Adding

    def add_object(self, content: bytes) -> str:
        """Store bytes as a loose object. Return its key."""
        return self._store.add(content)

    def add_streamed_object(self, stream: Any) -> str:
        """Store what a stream has left as a loose object. Return its key."""
        return adding.add_stream(self._store, stream)

    def add_streamed_object_to_pack(
        self,
        stream: Any,
        compress: bool = False,
        open_streams: bool = False,
        no_holes: bool = False,
        no_holes_read_twice: bool = True,
        callback: Optional[Callback] = None,
        callback_size_hint: int = 0,
        do_fsync: bool = True,
        do_commit: bool = True,
    ) -> str:
        """Store a stream as a packed object. Return its key. The callback is told of its bytes.

        The other parameters are those of :meth:`add_streamed_objects_to_pack`.
        """
        if open_streams:
            with stream as opened:
                return self.add_streamed_object_to_pack(
                    opened, compress, callback=callback, callback_size_hint=callback_size_hint, do_fsync=do_fsync
                )
        wrapped = CallbackStreamWrapper(stream, callback, callback_size_hint)
        (key,) = self.add_streamed_objects_to_pack([wrapped], compress, do_fsync=do_fsync)
        wrapped.close_callback()
        return key

    def add_streamed_objects_to_pack(
        self,
        stream_list: Iterable[Any],
        compress: bool = False,
        open_streams: bool = False,
        no_holes: bool = False,
        no_holes_read_twice: bool = True,
        callback: Optional[Callback] = None,
        do_fsync: bool = True,
        do_commit: bool = True,
    ) -> list[str]:
        """Store streams as packed objects. Return their keys, in order.

        What is packed already is never written again, and what was added is always committed: ``no_holes``,
        ``no_holes_read_twice`` and ``do_commit`` change nothing.

        :param compress: compress every object.
        :param open_streams: open each stream with ``with``.
        :param do_fsync: return when everything is on the device.
        :raises AssertionError: when ``compress`` is no ``bool``.
        """
        streams = list(stream_list)
        with self._pack_writer(compress, do_fsync) as writer, adding.counted(callback, len(streams)) as count:
            return adding.add_streams(writer, streams, open_streams, count)

    def add_objects_to_pack(
        self,
        content_list: Iterable[bytes],
        compress: bool = False,
        no_holes: bool = False,
        no_holes_read_twice: bool = True,
        callback: Optional[Callback] = None,
        do_fsync: bool = True,
        do_commit: bool = True,
    ) -> list[str]:
        """Store bytes as packed objects. Return their keys, in order.

        The parameters are those of :meth:`add_streamed_objects_to_pack`.
        """
        contents = list(content_list)
        with self._pack_writer(compress, do_fsync) as writer, adding.counted(callback, len(contents)) as count:
            keys = writer.add_many(contents)
            count(len(keys))
            return keys

    @contextmanager
    def _pack_writer(self, compress: bool, do_fsync: bool) -> Iterator[Any]:
        assert isinstance(compress, bool), "only True or False are valid `compress` modes when adding directly to a pack"
        with _locking(), self._syncing(do_fsync) as store, store.pack_writer("always" if compress else "never") as writer:
            yield writer

    def import_objects(
        self,
        hashkeys: Iterable[str],
        source_container: Any,
        compress: bool = False,
        target_memory_bytes: int = 104857600,
        callback: Optional[Callback] = None,
        do_fsync: bool = True,
    ) -> dict[str, str]:
        """Copy objects of another container into packs. Return the new key of each old one that was copied.

        The other container is one of this class, or of ``disk_objectstore``. Keys without an object are left out, and so
        are objects that are here already. Memory is bounded in any case, whatever ``target_memory_bytes`` is.
        """
        keys = list(dict.fromkeys(hashkeys))
        if isinstance(source_container, Container):
            return self._import_ours(keys, source_container, callback, do_fsync)
        with self._pack_writer(compress, do_fsync) as writer:
            return adding.import_foreign(self, writer, keys, source_container, callback)

    def _import_ours(
        self, keys: list[str], source: Container, callback: Optional[Callback], do_fsync: bool
    ) -> dict[str, str]:
        there = [key for key, found in zip(keys, source.has_objects(keys)) if found]
        absent = [key for key, found in zip(there, self.has_objects(there)) if not found]
        reporter = Reporter(callback, "Copy objects")
        with _locking(), self._syncing(do_fsync) as store:
            _sound(store.import_from(source.get_folder(), absent, progress=reporter.progress))
        reporter.close()
        return {key: key for key in absent}

    # Upkeep

    def pack_all_loose(
        self,
        compress: Union[bool, CompressMode] = CompressMode.NO,
        validate_objects: bool = True,
        do_fsync: bool = True,
        callback: Optional[Callback] = None,
        clean_loose_per_pack: bool = False,
    ) -> None:
        """Pack all loose objects. Every object is checked, whatever ``validate_objects`` is.

        :param clean_loose_per_pack: remove the loose files, batch by batch.
        :raises InconsistentContent: when an object is damaged; the others are packed.
        :raises FileExistsError: when somebody else is packing.
        """
        mode = CompressMode.YES if compress is True else CompressMode.NO if compress is False else compress
        # Loose objects are not compressed, and stay so.
        mode = CompressMode.NO if mode is CompressMode.KEEP else mode
        reporter = Reporter(callback, "Packing loose objects")
        with _locking(), self._syncing(do_fsync) as store:
            _sound(
                store.pack(compression=_compression(mode), clean=clean_loose_per_pack, progress=reporter.progress)
            )
        reporter.close()

    def clean_storage(self, vacuum: bool = False) -> None:
        """Remove the loose files of packed objects. There is nothing to vacuum.

        :raises InconsistentContent: when a packed copy is damaged; its loose file stays.
        """
        with _locking():
            _sound(self._store.clean())

    def delete_objects(self, hashkeys: Iterable[str]) -> list[str]:
        """Delete objects. Return the keys of those that existed. May be called while others read and write."""
        keys = [key for key in dict.fromkeys(hashkeys) if is_key(key)]
        existing = [key for key, found in zip(keys, self.has_objects(keys)) if found]
        with _locking():
            self._store.delete(existing)
        return existing

    def repack(self, compress_mode: CompressMode = CompressMode.KEEP, callback: Optional[Callback] = None) -> None:
        """Free the bytes of deleted objects, of packs of which at least a hundredth is dead."""
        self._repack(compress_mode, callback, "Repack")

    def repack_pack(
        self,
        pack_id: Union[int, str],
        compress_mode: CompressMode = CompressMode.KEEP,
        callback: Optional[Callback] = None,
    ) -> None:
        """Do what :meth:`repack` does: packs are chosen by how much of them is dead.

        :raises AssertionError: when there is no such pack.
        """
        numbers = [str(pack.number) for pack in self._readable.packs()]
        assert str(pack_id) in numbers, f"there is no pack {pack_id}"
        self._repack(compress_mode, callback, f"Repack {pack_id}")

    def _repack(self, mode: CompressMode, callback: Optional[Callback], description: str) -> None:
        reporter = Reporter(callback, description)
        compression = None if mode is CompressMode.KEEP else _compression(mode)
        min_dead = 1 if compression is None else 0
        with _locking():
            _sound(self._store.repack(min_dead=min_dead, compression=compression, progress=reporter.progress))
        reporter.close()

    def validate(self, callback: Optional[Callback] = None) -> ValidationIssues:
        """Read and check everything. Damage that has no key is listed, by file, in ``overlapping_packed``."""
        reporter = Reporter(callback, "Validating")
        report = self._readable.verify(progress=reporter.progress)
        reporter.close()
        loose, packed, others = [], [], []
        for file, message in [*report.problems, *report.unread]:
            key, start = file[len("loose/") :].replace("/", ""), message[len("object ") :][:64]
            if file.startswith("loose/") and is_key(key):
                loose.append(key)
            elif message.startswith("object ") and is_key(start):
                packed.append(start)
            else:
                others.append(f"{file}: {message}")
        return ValidationIssues(loose, packed, [], others)

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

    def lock_pack(self, pack_id: str, allow_repack_pack: bool = False) -> Any:
        """Fail: the store alone writes to packs, and locks them by itself.

        :raises NotImplementedError: always.
        """
        raise NotImplementedError("loosepack takes the pack lock by itself: use add_objects_to_pack and its like")


@contextmanager
def _locking() -> Iterator[None]:
    """Turn exceptions of loosepack into those of ``disk_objectstore``."""
    try:
        yield
    except Locked as error:
        raise FileExistsError(str(error)) from error
    except Corrupt as error:
        raise InconsistentContent(str(error)) from error


def _compression(mode: CompressMode) -> str:
    if mode not in _COMPRESSION:
        raise NotImplementedError(f"Unknown or unimplemented compression mode {mode}")
    return _COMPRESSION[mode]


def _sound(report: Report) -> None:
    if report.problems:
        raise InconsistentContent("; ".join(f"{file}: {message}" for file, message in report.problems))
