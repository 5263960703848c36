"""Adding objects straight to packs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Optional, Union

from .adding import BATCH_FILES, Content, add_files, batches, is_file, path_of

if TYPE_CHECKING:
    from . import _loosepack
    from .jobs import OnProgress

__all__ = ["PackWriter"]


class PackWriter:
    """Writes objects straight to packs. Made by :meth:`Container.pack_writer`, and used with ``with``.

    It holds the pack lock until the block ends. Objects become visible and durable together: at :meth:`commit`, at the
    end of the block, and in between when much has been added. After an exception, what was added since the last commit
    is lost.
    """

    def __init__(self, writer: _loosepack.PackWriter) -> None:
        self._writer = writer
        self._open = True

    def add(self, content: Union[Content, os.PathLike[str], BinaryIO], /) -> str:
        """Add bytes, the file of a path, or what an open binary file has left. Return the object's ID.

        Raises what :meth:`Container.add` raises.
        """
        path = path_of(content)
        if path is not None:
            return self._writer.add_paths([path])[0]
        return self._writer.add_file(content) if is_file(content) else self._writer.add(content)

    def add_many(self, contents: Iterable[Content], /) -> list[str]:
        """Add many objects of bytes, which is far cheaper than one by one. Return their IDs, in order."""
        return [object_id for batch in batches(contents) for object_id in self._writer.add_many(batch)]

    def add_files(
        self, paths: Iterable[Union[str, os.PathLike[str]]], *, progress: Optional[OnProgress] = None
    ) -> list[str]:
        """Add files by their paths. Return their IDs, in order.

        Raises ``OSError`` with the name of the first file that cannot be read. Those before it are added: they stay
        when the exception does not leave the block, or after :meth:`commit`.
        """
        return add_files(self._writer.add_paths, paths, BATCH_FILES, progress)

    def commit(self) -> None:
        """Make everything added so far visible and durable."""
        self._writer.commit()

    def close(self) -> None:
        """Commit, and free the pack lock."""
        if self._open:
            self._open = False
            self._writer.finish()

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if error is None:
            self.close()
        else:
            self._open = False
            self._writer.abandon()
