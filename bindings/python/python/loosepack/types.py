"""What the calls of a container return."""

from __future__ import annotations

from typing import NamedTuple, Optional

__all__ = ["Config", "Finding", "ObjectInfo", "PackInfo", "Progress", "Report", "Stats"]


class Config(NamedTuple):
    """Settings of a container, fixed when it was created."""

    #: A pack that has reached this many bytes takes no further object.
    pack_target: int
    #: zlib level of what is compressed, 1 (fast) to 9 (small).
    compression_level: int
    #: Everything in the container belongs to its group, whatever the umask.
    shared: bool


class ObjectInfo(NamedTuple):
    """Size and place of an object."""

    #: Its ID.
    id: str
    #: Its size in bytes.
    size: int
    #: Number of the pack it is in; ``None`` for a loose object, as are the next two.
    pack: Optional[int] = None
    #: Where its payload starts, in bytes from the start of the pack.
    offset: Optional[int] = None
    #: Length of the payload in bytes.
    length: Optional[int] = None

    @property
    def loose(self) -> bool:
        """Whether it is a file of its own."""
        return self.pack is None

    @property
    def compressed(self) -> bool:
        """Whether it is stored compressed."""
        return self.length is not None and self.length != self.size


class Stats(NamedTuple):
    """Counts, and sizes in bytes."""

    #: Loose objects. One that is packed as well counts in both until ``clean`` removes the loose file.
    loose_objects: int
    #: Their sizes added up.
    loose_size: int
    #: Loose objects that are packed as well.
    loose_packed: int
    #: Objects in packs.
    packed_objects: int
    #: Their sizes added up, before compression.
    packed_size: int
    #: Bytes that their payloads take in the packs.
    packed_length: int
    #: Number of packs.
    packs: int
    #: Bytes of all packs.
    packs_size: int
    #: About how many of these are dead: ``repack`` frees them. ``packs()`` counts exactly.
    packs_dead: int
    #: Bytes of the index.
    index_size: int
    #: Files that are being written, or were left by a writer that was killed.
    unfinished: int
    #: Bytes of them.
    unfinished_size: int


class PackInfo(NamedTuple):
    """A pack, and how much of it is in use."""

    #: Its number: the name of its file in ``packs/``.
    number: int
    #: Its size in bytes; 0 when the file is missing.
    size: int
    #: Objects that the index has in it.
    objects: int
    #: Bytes of these objects' records, headers included.
    live: int

    @property
    def dead(self) -> int:
        """Bytes that ``repack`` would free."""
        return max(self.size - self.live, 0)


class Progress(NamedTuple):
    """How far a job is. All numbers are totals since its start."""

    #: Units of work done, out of ``total``. The unit is the job's own.
    done: int
    #: Units of work in all.
    total: int
    #: Objects packed, removed, deleted, copied or checked.
    objects: int
    #: Their bytes.
    bytes: int


class Finding(NamedTuple):
    """Something found out about a file of a container."""

    #: The file, relative to the container, with a line or a byte position where there is one.
    file: str
    #: The finding. For damage: what is wrong, and the remedy if there is one.
    message: str


class Report(NamedTuple):
    """What came of a job."""

    #: Objects packed, removed, deleted, copied or checked.
    objects: int
    #: Their bytes.
    bytes: int
    #: Damage. What is damaged was left where it is.
    problems: list[Finding]
    #: Worth knowing, and no damage.
    notes: list[Finding]
    #: Files that could not be examined, for lack of permission for example.
    unread: list[Finding]

    @property
    def ok(self) -> bool:
        """Whether no damage was found and everything could be examined."""
        return not self.problems and not self.unread
