"""A container: a directory that holds objects."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Optional, Union

from . import _loosepack
from .adding import BATCH_FILES, Content, add_files, batches, is_file, path_of
from .jobs import waiting
from .packing import PackWriter
from .streams import ObjectReader, ObjectWriter
from .types import Config, ObjectInfo, PackInfo, Stats
from .upkeep import Upkeep

if TYPE_CHECKING:
    from .jobs import OnProgress

    Path = Union[str, os.PathLike[str]]

__all__ = ["Container"]

#: IDs of a page of a listing.
PAGE = 10_000


class Container(Upkeep):
    """A container: a directory that holds objects, each named by the SHA-256 of its bytes.

    ``Container(path)`` and ``Container.open(path)`` open one, :meth:`create` makes one. A container may be used by any
    number of threads at once, and any number of processes may have it open. After ``os.fork()`` the child may use the
    container as well; readers, writers and jobs that were made before belong to the parent, and raise :class:`Forked`
    in the child.

    ``c[id]`` is :meth:`get`, ``id in c`` is whether an object exists, and iterating gives the IDs of all objects,
    sorted.

    Every method raises :class:`Error` for a failure of the container. Other exceptions are listed with the method.
    """

    def __new__(
        cls,
        path: Path,
        *,
        read_only: bool = False,
        durable: bool = True,
        verify: bool = True,
        wait: float = 0.0,
        damaged: bool = False,
    ) -> Container:
        """Open the container in a directory.

        :param path: the directory.
        :param read_only: refuse to write. A read-only medium is enough in any case.
        :param durable: acknowledge only what is on the device. Without it nothing is flushed: faster, but a power
            failure may lose recent writes.
        :param verify: check every object that is read from start to end against its ID.
        :param wait: seconds for which jobs and pack writers wait while another process holds the pack lock.
        :param damaged: open it although its index may be damaged or gone, to :meth:`verify` or :meth:`reindex` it.
        :raises NoContainer: when there is none.
        """
        self = super().__new__(
            cls, os.fspath(path), read_only=read_only, durable=durable, verify=verify, damaged=damaged
        )
        self._wait = wait
        return self

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        read_only: bool = False,
        durable: bool = True,
        verify: bool = True,
        wait: float = 0.0,
        damaged: bool = False,
    ) -> Container:
        """Open the container in a directory. The parameters are those of the class."""
        return cls(path, read_only=read_only, durable=durable, verify=verify, wait=wait, damaged=damaged)

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        pack_target: int = 4 << 30,
        compression_level: int = 1,
        shared: bool = False,
        durable: bool = True,
        verify: bool = True,
        wait: float = 0.0,
    ) -> Container:
        """Make a container in a new or an empty directory, and open it.

        :param pack_target: a pack that has reached this many bytes takes no further object.
        :param compression_level: zlib level of what is compressed, 1 (fast) to 9 (small).
        :param shared: let the directory's group read and write everything, whatever the umask.
        :raises AlreadyExists: when the directory holds anything.
        :raises InvalidArgument: when a setting is out of its range.
        """
        os.makedirs(path, exist_ok=True)
        _loosepack.create(os.fspath(path), pack_target, compression_level, shared, durable)
        return cls(path, durable=durable, verify=verify, wait=wait)

    @classmethod
    def restore(cls, backup: Path, path: Path, *, progress: Optional[OnProgress] = None) -> Container:
        """Make a container in a new or an empty directory from a backup, and open it."""
        os.makedirs(path, exist_ok=True)
        with cls(backup, read_only=True) as source:
            source._run(lambda: source._backup(os.fspath(path), False, True), progress)
        return cls(path)

    def __enter__(self) -> Container:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<loosepack.Container {os.fspath(self.path)!r}{' closed' if self.closed else ''}>"

    @property
    def config(self) -> Config:
        """The settings that it was created with."""
        return Config(*self._config())

    # Adding

    def add(self, content: Union[Content, os.PathLike[str], BinaryIO], /) -> str:
        """Store bytes, the file of a path, or what an open binary file has left. Return the object's ID.

        The object is loose, and durable when this returns. Many objects are stored faster by :meth:`add_many` and
        :meth:`add_files`.

        :raises OSError: when the file cannot be read.
        :raises SourceChanged: when the file changed meanwhile.
        :raises TypeError: for anything else, a ``str`` among it: encode it, or use ``pathlib.Path``.
        """
        path = path_of(content)
        if path is not None:
            return self._add_paths([path])[0]
        return self._add_file(content) if is_file(content) else self._add(content)

    def add_many(self, contents: Iterable[Content], *, to_packs: bool = False, compression: str = "auto") -> list[str]:
        """Store many objects of bytes, durable together: far cheaper than one by one. Return their IDs, in order.

        :param to_packs: write them straight to packs, which takes the pack lock.
        :param compression: when to compress what goes to packs: ``"never"``, ``"always"``, or ``"auto"``, when a sample
            shrinks by at least a tenth.
        :raises Locked: when it goes to packs, and the pack lock is taken.
        """
        if to_packs:
            with self.pack_writer(compression) as writer:
                return writer.add_many(contents)
        return [object_id for batch in batches(contents) for object_id in self._add_many(batch)]

    def add_files(
        self,
        paths: Iterable[Path],
        *,
        to_packs: bool = False,
        compression: str = "auto",
        progress: Optional[OnProgress] = None,
    ) -> list[str]:
        """Store files by their paths. Return their IDs, in order.

        The other parameters are those of :meth:`add_many`.

        :param progress: called with the number of files that are stored, of all.
        :raises OSError: with the name of the first file that cannot be read. Files before it are stored.
        :raises SourceChanged: when a file changed while it was read.
        """
        if to_packs:
            with self.pack_writer(compression) as writer:
                return writer.add_files(paths, progress=progress)
        return add_files(self._add_paths, paths, BATCH_FILES, progress)

    def writer(self) -> ObjectWriter:
        """Start writing a loose object piece by piece."""
        return ObjectWriter(self._writer())

    def pack_writer(self, compression: str = "auto") -> PackWriter:
        """Take the pack lock, and start writing objects straight to packs.

        :param compression: that of :meth:`add_many`.
        :raises Locked: when the pack lock is taken.
        """
        return PackWriter(waiting(self._wait, lambda: self._pack_writer(compression)))

    # Reading

    def reader(self, object_id: str, /) -> ObjectReader:
        """Open an object as a seekable binary stream.

        :raises NotFound: when there is no such object.
        :raises InvalidId: for an invalid ID.
        """
        return ObjectReader(self._reader(object_id), object_id)

    def read_many(self, ids: Iterable[str], *, skip_missing: bool = False) -> Iterator[tuple[str, bytes]]:
        """Read many objects: an iterator of pairs of ID and bytes, in the order that is fastest.

        Each ID is answered once. After an exception that is about one object, the iterator can be asked for the next
        one. A failure of the container itself, such as a damaged index, is raised again each time.

        :param skip_missing: leave out IDs without an object.
        :raises NotFound: from the iterator, for an ID without an object.
        :raises Corrupt: from the iterator, for an object that is damaged.
        :raises InvalidId: for an invalid ID.
        """
        return self._read_many(ids, skip_missing)

    def info(self, ids: Iterable[str]) -> list[Optional[ObjectInfo]]:
        """Return size and place of objects, in order; ``None`` for one that does not exist.

        :raises InvalidId: for an invalid ID.
        """
        ids = list(ids) if not isinstance(ids, (str, list)) else ids
        return [
            None if found is None else ObjectInfo(object_id, found[0], *(found[1] or ()))
            for object_id, found in zip(ids, self._info(ids))
        ]

    def __iter__(self) -> Iterator[str]:
        last = None
        while True:
            page = self._objects(last, PAGE)
            if not page:
                return
            yield from page
            last = page[-1]

    def stats(self) -> Stats:
        """Return counts and sizes. Walks the loose objects."""
        return Stats(*self._stats())

    def packs(self) -> list[PackInfo]:
        """Return all packs, by number, and how much of each is in use. Reads the whole index."""
        return [PackInfo(*pack) for pack in self._packs()]
