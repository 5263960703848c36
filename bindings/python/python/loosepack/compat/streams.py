"""Streams that report how much of them was read, and a stream of zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    Callback = Callable[[str, Any], object]

__all__ = ("CallbackStreamWrapper", "ZeroStream", "rename_callback")


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
