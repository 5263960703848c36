"""The exceptions of the store.

Every failure of a container is an :class:`Error`. Where Python has an exception for the same situation, the class is
one of those as well: an absent object is a ``KeyError``, a full disk an ``OSError`` with its ``errno``.

Files that are given by path, to be added or to be written, fail with Python's own ``OSError``.
"""

from __future__ import annotations

import errno
import os
from typing import Any

__all__ = [
    "AlreadyExists",
    "Corrupt",
    "Error",
    "Forked",
    "InvalidArgument",
    "InvalidId",
    "Locked",
    "NoContainer",
    "NotFound",
    "ReadOnly",
    "SourceChanged",
    "Stopped",
    "StorageError",
    "TooLarge",
    "UnsupportedFormat",
    "WriterFailed",
]


class Error(Exception):
    """A failure of the store. Its subclass is the kind of failure."""

    @classmethod
    def of(cls, arguments: tuple[Any, ...]) -> Error:
        """Make the exception of what the extension module knows: the message first."""
        return cls(arguments[0])

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        # The attributes of an OSError are not in its dictionary.
        state = {name: getattr(self, name, None) for name in ("errno", "filename")}
        return type(self), self.args, {**self.__dict__, **{name: it for name, it in state.items() if it is not None}}


class NotFound(Error, KeyError):
    """No object has this ID. Certain: the index was read again before."""

    #: The ID.
    id: str

    @classmethod
    def of(cls, arguments: tuple[Any, ...]) -> NotFound:
        error = cls(arguments[0])
        error.id = arguments[1]
        return error


class InvalidId(Error, ValueError):
    """The text is not an object ID: 64 lowercase hex digits."""


class InvalidArgument(Error, ValueError):
    """An argument is out of its range. The message says which, and what is allowed."""


class NoContainer(Error, FileNotFoundError):
    """The directory does not exist, or holds no container."""

    @classmethod
    def of(cls, arguments: tuple[Any, ...]) -> NoContainer:
        path = os.fspath(arguments[0])
        error = cls(f"no container in {path}: make one with Container.create")
        error.errno, error.filename = errno.ENOENT, path
        return error


class AlreadyExists(Error, FileExistsError):
    """A container, or something else, is there already."""

    @classmethod
    def of(cls, arguments: tuple[Any, ...]) -> AlreadyExists:
        text, path = arguments[0], os.fspath(arguments[1])
        error = cls(f"{path}: {text}" if path else text)
        error.errno = errno.EEXIST
        if path:
            error.filename = path
        return error


class UnsupportedFormat(Error):
    """The container was made by a later version of loosepack."""

    #: Number of the container's format.
    format: int

    @classmethod
    def of(cls, arguments: tuple[Any, ...]) -> UnsupportedFormat:
        error = cls(arguments[0])
        error.format = arguments[1]
        return error


class ReadOnly(Error):
    """The container was opened for reading only."""


class Locked(Error):
    """Another process or thread holds the pack lock. The message says who. ``wait`` waits for it."""


class Corrupt(Error):
    """Stored data is damaged. Other objects can still be read."""

    #: The damaged file, relative to the container, with a position where there is one.
    file: str
    #: What is wrong with it, and the remedy if there is one.
    problem: str

    @classmethod
    def of(cls, arguments: tuple[Any, ...]) -> Corrupt:
        error = cls(arguments[0])
        error.file, error.problem = arguments[1:]
        return error


class SourceChanged(Error):
    """A file changed while it was added. Nothing was stored of it."""

    #: The file.
    path: str

    @classmethod
    def of(cls, arguments: tuple[Any, ...]) -> SourceChanged:
        error = cls(arguments[0])
        error.path = arguments[1]
        return error


class TooLarge(Error):
    """The object is too large to be read in one piece."""

    #: Its size in bytes.
    size: int

    @classmethod
    def of(cls, arguments: tuple[Any, ...]) -> TooLarge:
        error = cls(arguments[0])
        error.size = arguments[1]
        return error


class WriterFailed(Error):
    """An earlier write failed, or the writer was finished or given up: it writes no more."""


class StorageError(Error, OSError):
    """The file system refused an operation on a file of the container. ``errno`` and ``filename`` tell which."""

    @classmethod
    def of(cls, arguments: tuple[Any, ...]) -> StorageError:
        text, symbol, path = arguments
        error = cls(text)
        error.errno, error.filename = getattr(errno, symbol, None), path
        return error


class Stopped(Error):
    """The component was stopped at a limit of its sandbox. The container is sound: the next call opens it anew.

    Readers, writers and iterators that were stopped are to be made anew.
    """


class Forked(Error):
    """A reader, writer or job was made before this process was forked, and belongs to the parent process."""
