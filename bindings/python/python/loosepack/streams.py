"""Objects as streams: one that is read, one that is written."""

from __future__ import annotations

import io
import os
from types import TracebackType
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from ._loosepack import LooseWriter, Reader

__all__ = ["ObjectReader", "ObjectWriter"]


class ObjectReader(io.RawIOBase):
    """An object that is being read: a seekable binary stream.

    Made by :meth:`Container.reader`. It reads ahead by itself; ``io.BufferedReader`` around it makes ``readline`` and
    reads of a few bytes faster. It stays valid when the object is packed, cleaned, repacked or deleted meanwhile, and
    when the container is closed.

    When it is read from its start to its end without seeking, the read that would give the last bytes fails unless the
    whole matches the ID.
    """

    def __init__(self, reader: Reader, object_id: str) -> None:
        self._reader = reader
        self._id = object_id

    @property
    def id(self) -> str:
        """The object's ID."""
        return self._id

    @property
    def size(self) -> int:
        """The object's size in bytes."""
        return self._reader.size

    @property
    def mode(self) -> str:
        """How it was opened: ``"rb"``."""
        return "rb"

    def readable(self) -> bool:
        """Return True, unless it is closed."""
        self._check()
        return True

    def seekable(self) -> bool:
        """Return True, unless it is closed."""
        self._check()
        return True

    def read(self, size: Optional[int] = -1, /) -> bytes:
        """Read ``size`` bytes, or fewer at the end; all that are left when it is negative or ``None``."""
        self._check()
        return self._reader.read(self._reader.size if size is None or size < 0 else size)

    def readall(self) -> bytes:
        """Read all bytes that are left."""
        return self.read()

    def readinto(self, buffer, /) -> int:  # type: ignore[no-untyped-def]
        """Read into a buffer of bytes. Return their number, 0 at the end."""
        self._check()
        with memoryview(buffer) as view, view.cast("B") as room:
            content = self._reader.read(len(room))
            room[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Continue at another byte, which may lie beyond the end. Return its position."""
        self._check()
        if whence == os.SEEK_CUR:
            offset += self._reader.tell()
        elif whence == os.SEEK_END:
            offset += self._reader.size
        elif whence != os.SEEK_SET:
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        if offset < 0:
            raise ValueError(f"negative seek position {offset}")
        self._reader.seek(offset)
        return offset

    def tell(self) -> int:
        """Return the position of the next byte."""
        self._check()
        return self._reader.tell()

    def close(self) -> None:
        """Close it: its file is closed."""
        if not self.closed:
            super().close()
            self._reader = _CLOSED

    def _check(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def __repr__(self) -> str:
        return f"<loosepack.ObjectReader {self._id}{' closed' if self.closed else ''}>"


class _Closed:
    """What a closed reader reads from; it keeps nothing open."""

    size = 0


_CLOSED: Reader = _Closed()  # type: ignore[assignment]


class ObjectWriter:
    """A loose object that is being written. Made by :meth:`Container.writer`, and used with ``with``.

    The object is there once the block has ended, and :attr:`id` is its ID. After an exception there is no object.
    """

    #: The object's ID, once it is complete.
    id: Optional[str] = None

    def __init__(self, writer: LooseWriter) -> None:
        self._writer = writer

    def write(self, content: bytes, /) -> int:
        """Append bytes. Return their number."""
        return self._writer.write(content)

    def finish(self) -> str:
        """Complete the object, and return its ID."""
        self.id = self._writer.finish()
        return self.id

    def __enter__(self) -> ObjectWriter:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if error is not None:
            self._writer.abandon()
        elif self.id is None:
            self.finish()
