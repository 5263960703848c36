"""Streams that are opened when they are needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Optional

if TYPE_CHECKING:
    from .objects import Objects

__all__ = ("LazyLooseStream", "LazyOpener")


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

    def __init__(self, container: Objects, hashkey: str) -> None:
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
