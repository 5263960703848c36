"""Long operations on a container. Each may run while others read and add."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Optional, Union

from . import _loosepack
from .jobs import run
from .types import Report

if TYPE_CHECKING:
    from .jobs import OnProgress

    Path = Union[str, os.PathLike[str]]


class Upkeep(_loosepack.Store):
    """The jobs of a container."""

    _wait: float = 0.0

    def _run(self, start: Callable[[], _loosepack.Job], progress: Optional[OnProgress]) -> Report:
        return run(start, self._wait, progress)

    def pack(self, *, compression: str = "auto", clean: bool = False, progress: Optional[OnProgress] = None) -> Report:
        """Move loose objects into packs. The loose files stay until :meth:`clean`.

        :param compression: that of :meth:`add_many`.
        :param clean: remove the loose files as well, batch by batch, so that the disk needs room for a batch.
        :param progress: called between steps with a :class:`Progress`. What it raises stops the job.
        :raises Locked: when the pack lock is taken.
        """
        return self._run(lambda: self._pack(compression, clean), progress)

    def clean(self, *, progress: Optional[OnProgress] = None) -> Report:
        """Remove the loose files of packed objects, and what crashed writers left behind.

        :raises Locked: when the pack lock is taken.
        """
        return self._run(self._clean, progress)

    def delete(self, ids: Iterable[str], *, progress: Optional[OnProgress] = None) -> Report:
        """Delete objects, loose or packed. IDs without an object are not counted. Needs the pack lock: while somebody
        packs, it waits as :class:`Container` says of ``wait``.

        :raises InvalidId: for an invalid ID; nothing is deleted then.
        :raises Locked: when the pack lock is taken.
        """
        converted = _loosepack.Ids(ids)
        return self._run(lambda: self._delete(converted), progress)

    def gc(
        self,
        keep: Iterable[str],
        *,
        grace: float = 0.0,
        dry_run: bool = False,
        progress: Optional[OnProgress] = None,
    ) -> Report:
        """Delete all objects but those of ``keep``, which need not exist. What is added meanwhile is spared.

        :param grace: seconds for which loose objects are spared after they were written; at least two.
        :param dry_run: only count what would be deleted.
        :raises Locked: when the pack lock is taken.
        """
        converted = _loosepack.Ids(keep)
        return self._run(lambda: self._gc(converted, grace, dry_run), progress)

    def repack(
        self,
        *,
        min_dead: Optional[int] = None,
        compression: Optional[str] = None,
        level: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[OnProgress] = None,
    ) -> Report:
        """Free the dead bytes of packs, and merge small packs.

        :param min_dead: repack packs of which at least this percentage is dead; 25 unless given, or all packs when
            ``compression`` is given.
        :param compression: that of :meth:`add_many`, for what is moved. ``None`` leaves payloads as they are.
        :param level: compress anew, with this zlib level, what is compressed already.
        :param dry_run: only find out what there is to do.
        :raises InvalidArgument: when a parameter is out of its range.
        :raises Locked: when the pack lock is taken.
        """
        return self._run(lambda: self._repack(min_dead, compression, level, dry_run), progress)

    def verify(
        self, *, completed: int = 0, shard: int = 0, shards: int = 1, progress: Optional[OnProgress] = None
    ) -> Report:
        """Read and check everything, or a part of it. Damage is in the report's ``problems``.

        :param completed: units to resume after: the last ``done`` of a job that was stopped.
        :param shard: number of this job among those that share the work, less than ``shards``.
        :param shards: number of jobs that share the work, perhaps in several processes.
        """
        return self._run(lambda: self._verify(completed, shard, shards), progress)

    def reindex(self, *, progress: Optional[OnProgress] = None) -> Report:
        """Rebuild the index from the packs. When the index does not open, open the container with ``damaged``.

        :raises Locked: when the pack lock is taken.
        """
        return self._run(self._reindex, progress)

    def fold(self, *, progress: Optional[OnProgress] = None) -> Report:
        """Merge the index into one file, as mirrors and object storage want it.

        The objects counted are all packed ones.

        :raises Locked: when the pack lock is taken.
        """
        return self._run(self._fold, progress)

    def import_from(
        self,
        source: Union[Path, Upkeep],
        ids: Optional[Iterable[str]] = None,
        *,
        progress: Optional[OnProgress] = None,
    ) -> Report:
        """Copy objects from another container, which is only read: these, or all. What exists here is not copied.

        :raises NoContainer: when the source is not a container.
        :raises Locked: when the pack lock is taken.
        """
        path = _path_of(source)
        converted = None if ids is None else _loosepack.Ids(ids)
        return self._run(lambda: self._import(path, converted), progress)

    def repair(self, source: Union[Path, Upkeep], *, progress: Optional[OnProgress] = None) -> Report:
        """Mend damaged objects with those of another container, which is only read.

        :raises Locked: when the pack lock is taken.
        """
        path = _path_of(source)
        return self._run(lambda: self._repair(path), progress)

    def backup(self, target: Path, *, link: bool = False, progress: Optional[OnProgress] = None) -> Report:
        """Make a directory a copy of this container.

        The directory is a new or an empty one, or an earlier backup of the same container, which is completed.

        :param link: give full packs a second name in the backup instead of copying them, where the file system can.
        :raises AlreadyExists: when the directory holds anything else.
        """
        os.makedirs(target, exist_ok=True)
        return self._run(lambda: self._backup(os.fspath(target), link, False), progress)

    def unlock(self) -> Optional[str]:
        """Remove the lock file that a killed process left where the system has no locks. Return its content.

        Call it only when you know that nothing is packing.
        """
        return self._unlock()


def _path_of(source: Union[Path, Upkeep]) -> str:
    return os.fspath(source.path if isinstance(source, Upkeep) else source)
