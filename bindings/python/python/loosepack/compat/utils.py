"""The utilities of ``disk_objectstore`` that programs use: lazy streams, callbacks, hashes, sorted iterators."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Optional

if TYPE_CHECKING:
    from .container import Container

    Callback = Callable[[str, Any], object]

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


class Location(Enum):
    """Which of two iterators has an item."""

    LEFTONLY = -1
    BOTH = 0
    RIGHTONLY = 1


class LazyOpener:
    """A file that is opened by ``with``, and not before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Optional[BinaryIO] = None

    @property
    def path(self) -> Path:
        """The file's path."""
        return self._path

    @property
    def mode(self) -> str:
        """How it is opened: ``"rb"``."""
        return "rb"

    def tell(self) -> int:
        """Return the position in the open file."""
        if self._file is None:
            raise ValueError("I/O operation on closed file.")
        return self._file.tell()

    def __enter__(self) -> BinaryIO:
        if self._file is not None:
            raise OSError(f"File {self.path} already open")
        self._file = open(self.path, "rb")
        return self._file

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


class LazyLooseStream:
    """An object as a stream that is opened by ``with`` or :meth:`open_stream`, and not before."""

    def __init__(self, container: Container, hashkey: str) -> None:
        self._container = container
        self._hashkey = hashkey
        self._stream: Optional[Any] = None

    @property
    def mode(self) -> str:
        """How it is opened: ``"rb"``."""
        return "rb"

    @staticmethod
    def seekable() -> bool:
        """Return True."""
        return True

    @property
    def closed(self) -> bool:
        """Whether it is not open."""
        return self._stream is None or self._stream.closed

    def open_stream(self) -> None:
        """Open the object, unless it is open."""
        if self.closed:
            self._stream = self._container._open(self._hashkey)

    def close_stream(self) -> None:
        """Close the object."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def _opened(self) -> Any:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        return self._stream

    def seek(self, target: int, whence: int = 0) -> int:
        """Continue at another byte. Return its position."""
        return self._opened().seek(target, whence)

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._opened().tell()

    def read(self, size: int = -1) -> bytes:
        """Read ``size`` bytes, or fewer at the end; all that are left when it is negative."""
        return self._opened().read(size)

    def __enter__(self) -> LazyLooseStream:
        self.open_stream()
        return self

    def __exit__(self, *_: object) -> None:
        self.close_stream()


class CallbackStreamWrapper:
    """A stream that reports to a callback how much of it was read, at most 400 times."""

    def __init__(
        self,
        stream: Any,
        callback: Optional[Callback],
        total_length: int = 0,
        description: str = "Streamed object",
    ) -> None:
        self._stream = stream
        self._callback = callback
        self._total = total_length
        self._description = description
        self._every = max(total_length // 400, 1)
        self._unreported = 0
        self._init(description)

    def _init(self, description: str) -> None:
        if self._callback:
            self._callback("init", {"total": self._total, "description": description})

    def _report(self, count: int) -> None:
        self._unreported += count
        if self._callback and self._unreported >= self._every:
            self._callback("update", self._unreported)
            self._unreported = 0

    @property
    def mode(self) -> str:
        """The mode of the stream."""
        return self._stream.mode

    @staticmethod
    def readable() -> bool:
        """Return True."""
        return True

    @staticmethod
    def writable() -> bool:
        """Return False."""
        return False

    @property
    def closed(self) -> bool:
        """Whether the stream is closed."""
        return self._stream.closed

    def close(self) -> None:
        """Do nothing: the stream belongs to the caller."""

    def flush(self) -> None:
        """Do nothing."""

    def seekable(self) -> bool:
        """Whether the stream is seekable."""
        return self._stream.seekable()

    def seek(self, target: int, whence: int = 0) -> int:
        """Continue at another byte. Going back starts the report anew."""
        before = self._stream.tell()
        position = self._stream.seek(target, whence)
        if position > before:
            self._report(position - before)
        else:
            self.close_callback()
            self._init(f"{self._description} [rewind]")
            self._unreported = position
            if self._callback:
                self._callback("update", self._unreported)
        return position

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        """Read from the stream."""
        content = self._stream.read(size)
        self._report(len(content))
        return content

    def close_callback(self) -> None:
        """Report what has not been reported, and the end."""
        if self._callback:
            if self._unreported:
                self._callback("update", self._unreported)
            self._callback("close", None)

    def __enter__(self) -> CallbackStreamWrapper:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class ZeroStream:
    """A stream of ``length`` zeros that cannot seek."""

    mode = "rb"

    def __init__(self, length: int) -> None:
        self._left = length

    def read(self, size: int = -1) -> bytes:
        """Read ``size`` zeros, or fewer at the end; all that are left when it is negative or ``None``."""
        count = self._left if size is None or size < 0 else min(size, self._left)
        self._left -= count
        return bytes(count)


def rename_callback(callback: Optional[Callback], new_description: str) -> Optional[Callback]:
    """Return the callback with another description, or ``None`` for ``None``."""
    if callback is None:
        return None

    def renamed(action: str, value: Any) -> object:
        return callback(action, {**value, "description": new_description} if action == "init" else value)

    return renamed


@contextmanager
def nullcontext(enter_result: Any) -> Iterator[Any]:
    """Give ``enter_result``, and do nothing at the end."""
    yield enter_result


def chunk_iterator(iterator: Iterable[Any], size: int) -> Iterator[tuple[Any, ...]]:
    """Split an iterator into tuples of ``size`` items; the last may be shorter."""
    iterator = iter(iterator)
    return iter(lambda: tuple(itertools.islice(iterator, size)), ())


def yield_first_element(iterator: Iterable[Sequence[Any]]) -> Iterator[Any]:
    """Give the first element of each item."""
    return (item[0] for item in iterator)


def _ascending(items: Iterable[Any], side: str) -> Iterator[Any]:
    for number, item in enumerate(items):
        if number and item <= last:
            raise ValueError(
                f"The {side} iterator does not return sorted unique entries, I got '{item}' after '{last}'"
            )
        last = item
        yield item


def detect_where_sorted(
    left_iterator: Iterable[Any],
    right_iterator: Iterable[Any],
    left_key: Optional[Callable[[Any], Any]] = None,
) -> Iterator[tuple[Any, Location]]:
    """Merge two sorted iterators of distinct items, and tell which of them has each item.

    :param left_key: gives what of an item of the left iterator is compared. The left item is given when both have it.
    :raises ValueError: when an iterator is not sorted, or has an item twice.
    """
    key = left_key or (lambda item: item)
    end = object()
    originals: list[Any] = []

    def keys() -> Iterator[Any]:
        for item in left_iterator:
            originals.append(item)
            yield key(item)

    left_keys, right_items = _ascending(keys(), "left"), _ascending(right_iterator, "right")
    left, right = next(left_keys, end), next(right_items, end)
    while left is not end or right is not end:
        if right is end or (left is not end and left < right):
            yield originals.pop(), Location.LEFTONLY
            left = next(left_keys, end)
        elif left is end or right < left:
            yield right, Location.RIGHTONLY
            right = next(right_items, end)
        else:
            yield originals.pop(), Location.BOTH
            left, right = next(left_keys, end), next(right_items, end)


def merge_sorted(iterator1: Iterable[Any], iterator2: Iterable[Any]) -> Iterator[Any]:
    """Give the sorted union of two sorted iterators."""
    return yield_first_element(detect_where_sorted(iterator1, iterator2))


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
    """Tell whether an object is worth compressing: when it shrinks by a tenth, in the mode ``AUTO``.

    The store decides by itself, with a sample of its own.

    :raises NotImplementedError: for what is no mode.
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
