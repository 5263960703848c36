"""The utilities of ``disk_objectstore`` that programs use: lazy streams, callbacks, hashes, sorted iterators."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any

from .iterators import Location, chunk_iterator, detect_where_sorted, merge_sorted, yield_first_element
from .lazy import LazyLooseStream, LazyOpener
from .streams import CallbackStreamWrapper, ZeroStream, rename_callback

if TYPE_CHECKING:
    from .streams import Callback as Callback

__all__ = (
    "CallbackStreamWrapper",
    "CompressMode",
    "LazyLooseStream",
    "LazyOpener",
    "Location",
    "ZeroStream",
    "chunk_iterator",
    "compute_hash_and_size",
    "detect_where_sorted",
    "estimate_compression",
    "get_compressobj_instance",
    "get_hash_cls",
    "is_known_hash",
    "merge_sorted",
    "nullcontext",
    "rename_callback",
    "should_compress",
    "yield_first_element",
)

#: Bytes that are read at once.
_CHUNK = 512 << 10


class CompressMode(Enum):
    """When to compress."""

    NO = "no"
    YES = "yes"
    KEEP = "keep"
    AUTO = "auto"


@contextmanager
def nullcontext(enter_result: Any) -> Iterator[Any]:
    """Give ``enter_result``, and do nothing at the end."""
    yield enter_result


def get_hash_cls(hash_type: str) -> Callable[..., Any]:
    """Return the hash of this name.

    :raises ValueError: when it is not known.
    """
    known = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
    if hash_type not in known:
        raise ValueError(f"Unknown or unsupported hash type '{hash_type}'")
    return known[hash_type]


def is_known_hash(hash_type: str) -> bool:
    """Whether there is a hash of this name."""
    return hash_type in ("sha1", "sha256")


def compute_hash_and_size(stream: Any, hash_type: str) -> tuple[str, int]:
    """Read a stream to its end. Return the hash of what it gave, and its size in bytes."""
    digest, size = get_hash_cls(hash_type)(), 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def compression_level(algorithm: str) -> int:
    """Return the level that a name such as ``zlib+1`` stands for.

    :raises ValueError: when it is not known.
    """
    name, _, variant = algorithm.partition("+")
    if name != "zlib":
        raise ValueError(f"Unknown or unsupported compression algorithm '{name}'")
    if variant not in map(str, range(1, 10)):
        raise ValueError(f"Invalid variant '{variant}' for compression algorithm '{name}'")
    return int(variant)


def get_compressobj_instance(algorithm: str) -> Any:
    """Return a compressor for a name such as ``zlib+1``.

    :raises ValueError: when it is not known.
    """
    return zlib.compressobj(level=compression_level(algorithm))


def should_compress(
    source_stream: Any,
    compress_mode: CompressMode,
    source_compressed: bool,
    source_length: int,
    source_size: int,
) -> bool:
    """Return whether an object is worth compressing: when it shrinks by a tenth, in the mode ``AUTO``.

    The store decides by itself, with a sample of its own.

    :raises NotImplementedError: for an unknown mode.
    """
    if compress_mode == CompressMode.AUTO:
        if source_compressed:
            return source_size > 0 and source_length / source_size < 0.9
        return estimate_compression(source_stream, source_size) < 0.9
    decided = {CompressMode.NO: False, CompressMode.YES: True, CompressMode.KEEP: source_compressed}
    if compress_mode not in decided:
        raise NotImplementedError(f"Unknown {compress_mode=}")
    return decided[compress_mode]


def estimate_compression(stream: Any, size: int) -> float:
    """Estimate how much smaller a seekable stream becomes: 0.5 is half of its size. Reads at most 128 KiB of it."""
    if size == 0:
        return 1.0
    sample, most = 1 << 10, 128 << 10
    interval = max(size // (most // sample), sample)
    position = stream.tell()
    sampled = []
    for start in range(0, min(size, most // sample * interval), interval):
        stream.seek(start)
        sampled.append(stream.read(sample))
    stream.seek(position)
    content = b"".join(sampled)
    return len(zlib.compress(content, 1)) / len(content) if content else 1.0
