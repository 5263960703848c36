"""Packing, cleaning, deleting, repacking and validating."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Optional, Union

from .dataclasses import ValidationIssues
from .objects import Objects
from .progress import Reporter
from .reading import is_key
from .translating import compression, locking, sound
from .utils import CompressMode

if TYPE_CHECKING:
    from .utils import Callback


class Upkeep(Objects):
    """A container that is kept in order."""

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
        with locking(), self._syncing(do_fsync) as store:
            sound(store.pack(compression=compression(mode), clean=clean_loose_per_pack, progress=reporter.progress))
        reporter.close()

    def clean_storage(self, vacuum: bool = False) -> None:
        """Remove the loose files of packed objects. There is nothing to vacuum.

        :raises InconsistentContent: when a packed copy is damaged; its loose file stays.
        """
        with locking():
            sound(self._readable.clean())

    def delete_objects(self, hashkeys: Iterable[str]) -> list[str]:
        """Delete objects. Return the keys of those that existed. May be called while others read and write.

        :raises FileExistsError: when somebody else is packing. Theirs deletes all the same.
        """
        keys = [key for key in dict.fromkeys(hashkeys) if is_key(key)]
        existing = [key for key, found in zip(keys, self.has_objects(keys)) if found]
        with locking():
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
        name = None if mode is CompressMode.KEEP else compression(mode)
        min_dead = 1 if name is None else 0
        with locking():
            sound(self._readable.repack(min_dead=min_dead, compression=name, progress=reporter.progress))
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

    def lock_pack(self, pack_id: str, allow_repack_pack: bool = False) -> Any:
        """Fail: the store alone writes to packs, and locks them by itself.

        :raises NotImplementedError: always.
        """
        raise NotImplementedError("loosepack takes the pack lock by itself: use add_objects_to_pack and its like")
