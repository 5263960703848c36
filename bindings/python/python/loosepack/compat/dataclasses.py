"""The results of ``disk_objectstore``: frozen, and readable by ``result.name`` and ``result["name"]``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any, Optional

__all__ = ("ObjectCount", "ObjectMeta", "ObjectType", "TotalSize", "ValidationIssues")


class ObjectType(Enum):
    """Where an object is."""

    LOOSE = "loose"
    PACKED = "packed"
    MISSING = "missing"


class _Subscriptable:
    def __getitem__(self, item: str) -> Any:
        if item not in (field.name for field in fields(self)):  # type: ignore[arg-type]
            raise KeyError(item)
        return getattr(self, item)


@dataclass(frozen=True)
class ObjectCount(_Subscriptable):
    """Number of objects and packs. A loose object that is packed as well counts in both."""

    packed: int
    loose: int
    pack_files: int


@dataclass(frozen=True)
class ObjectMeta(_Subscriptable):
    """Size and place of an object, in bytes; ``None`` where there is none."""

    type: ObjectType
    size: Optional[int]
    pack_id: Optional[int]
    pack_compressed: Optional[bool]
    pack_offset: Optional[int]
    pack_length: Optional[int]


@dataclass(frozen=True)
class TotalSize(_Subscriptable):
    """Sizes in bytes: of packed objects, of their payloads, of the packs, of the index, of loose objects."""

    total_size_packed: int
    total_size_packed_on_disk: int
    total_size_packfiles_on_disk: int
    total_size_packindexes_on_disk: int
    total_size_loose: int


@dataclass(frozen=True)
class ValidationIssues(_Subscriptable):
    """Keys of damaged objects, by kind of damage. ``overlapping_packed`` also has files that are damaged otherwise."""

    invalid_hashes_loose: list[str]
    invalid_hashes_packed: list[str]
    invalid_sizes_packed: list[str]
    overlapping_packed: list[str]

    def is_valid(self) -> bool:
        """Whether nothing is damaged."""
        return not any(asdict(self).values())
