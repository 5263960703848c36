"""Making, opening and closing a container, and its settings."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional, TypeVar, Union

from .. import container as ours
from ..errors import AlreadyExists, Error, NoContainer
from .exceptions import NotInitialised
from .utils import compression_level, is_known_hash

Self = TypeVar("Self", bound="Opening")

_NOT_INITIALISED = "The container is not initialised yet - use .init_container() first"


class Opening:
    """A container that is opened when it is needed."""

    def __init__(self, folder: Union[str, os.PathLike[str]]) -> None:
        """Remember the folder. Nothing is opened or made."""
        self._folder = Path(folder).resolve()
        self._opened: Optional[ours.Container] = None
        self._loosened: Optional[tempfile.TemporaryDirectory[str]] = None

    def get_folder(self) -> Path:
        """Return the folder."""
        return self._folder

    def close(self) -> None:
        """Close what is open. The next call opens it again.

        Calls that are under way in other threads, and iterators, go on: they open what they need.
        """
        opened, self._opened = self._opened, None
        if opened is not None:
            opened._release()
        loosened, self._loosened = self._loosened, None
        if loosened is not None:
            loosened.cleanup()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _store(self) -> ours.Container:
        """The container of loosepack, opened."""
        opened = self._opened
        if opened is None:
            try:
                opened = self._opened = ours.Container(self._folder)
            except NoContainer as error:
                raise NotInitialised(_NOT_INITIALISED) from error
        return opened

    def _check(self) -> None:
        """Fail when there is no container."""
        assert self._store is not None

    @property
    def _readable(self) -> ours.Container:
        """The same for calls that fail with ``FileNotFoundError`` when there is no container."""
        try:
            return self._store
        except NotInitialised as error:
            raise FileNotFoundError(f"no container in {self._folder}") from error

    def _check_readable(self) -> None:
        """Fail with ``FileNotFoundError`` when there is no container."""
        assert self._readable is not None

    @contextmanager
    def _syncing(self, do_fsync: bool) -> Iterator[ours.Container]:
        """The container, or a handle on it that does not flush."""
        if do_fsync:
            yield self._store
        else:
            self._check()
            with ours.Container(self._folder, durable=False) as store:
                yield store

    @property
    def is_initialised(self) -> bool:
        """Whether there is a container."""
        try:
            return bool(self._store.id)
        except (NotInitialised, Error):
            return False

    def init_container(
        self,
        clear: bool = False,
        pack_size_target: int = 4 * 1024**3,
        loose_prefix_len: int = 2,
        hash_type: str = "sha256",
        compression_algorithm: str = "zlib+1",
    ) -> None:
        """Make the container.

        :param clear: remove all that is in the folder first.
        :raises FileExistsError: when the folder is not empty.
        :raises ValueError: for settings that are out of range, or that loosepack does not have: it names objects by
            their SHA-256, and loose objects have a prefix of 2 digits.
        """
        if loose_prefix_len < 0:
            raise ValueError("The loose prefix length can only be zero or a positive integer")
        if loose_prefix_len != 2:
            raise ValueError(f"loosepack has a loose prefix length of 2 only, not {loose_prefix_len}")
        if pack_size_target <= 0:
            raise ValueError("The pack size target can only be a non-zero positive integer")
        if not is_known_hash(hash_type):
            raise ValueError(f'Unknown hash type "{hash_type}"')
        if hash_type != "sha256":
            raise ValueError(f"loosepack names objects by their sha256 only, not {hash_type}")
        level = compression_level(compression_algorithm)
        if clear:
            self.close()
            if self._folder.exists():
                shutil.rmtree(self._folder)
        try:
            self._opened = ours.Container.create(self._folder, pack_target=pack_size_target, compression_level=level)
        except AlreadyExists as error:
            raise FileExistsError(str(error)) from error

    @property
    def loose_prefix_len(self) -> int:
        """Digits of the names of folders of loose objects: 2."""
        self._check()
        return 2

    @property
    def pack_size_target(self) -> int:
        """Bytes from which on a pack takes no further object."""
        return self._store.config.pack_target

    @property
    def hash_type(self) -> str:
        """The hash that names objects: ``"sha256"``."""
        self._check()
        return "sha256"

    @property
    def container_id(self) -> str:
        """The container's identifier: 32 hex digits."""
        return self._store.id

    @property
    def compression_algorithm(self) -> str:
        """The algorithm and level of what is compressed: ``"zlib+1"``."""
        return f"zlib+{self._store.config.compression_level}"
