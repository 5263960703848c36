"""Adding objects, loose and to packs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Optional

from . import adding
from .objects import Objects
from .progress import Reporter
from .reading import is_key
from .translating import locking, sound
from .utils import CallbackStreamWrapper

if TYPE_CHECKING:
    from ..packing import PackWriter
    from .utils import Callback


class Packing(Objects):
    """A container to which objects are added."""

    def add_object(self, content: bytes) -> str:
        """Store bytes as a loose object. Return its key."""
        return self._store.add(content)

    def add_streamed_object(self, stream: Any) -> str:
        """Store what a stream has left as a loose object. Return its key."""
        return adding.add_stream(self._store, stream)

    def add_streamed_object_to_pack(
        self,
        stream: Any,
        compress: bool = False,
        open_streams: bool = False,
        no_holes: bool = False,
        no_holes_read_twice: bool = True,
        callback: Optional[Callback] = None,
        callback_size_hint: int = 0,
        do_fsync: bool = True,
        do_commit: bool = True,
    ) -> str:
        """Store a stream as a packed object. Return its key. The callback gets the number of its bytes.

        The other parameters are those of :meth:`add_streamed_objects_to_pack`.
        """
        if open_streams:
            with stream as opened:
                return self.add_streamed_object_to_pack(
                    opened, compress, callback=callback, callback_size_hint=callback_size_hint, do_fsync=do_fsync
                )
        wrapped = CallbackStreamWrapper(stream, callback, callback_size_hint)
        (key,) = self.add_streamed_objects_to_pack([wrapped], compress, do_fsync=do_fsync)
        wrapped.close_callback()
        return key

    def add_streamed_objects_to_pack(
        self,
        stream_list: Iterable[Any],
        compress: bool = False,
        open_streams: bool = False,
        no_holes: bool = False,
        no_holes_read_twice: bool = True,
        callback: Optional[Callback] = None,
        do_fsync: bool = True,
        do_commit: bool = True,
    ) -> list[str]:
        """Store streams as packed objects. Return their keys, in order.

        What is packed already is never written again, and what was added is always committed: ``no_holes``,
        ``no_holes_read_twice`` and ``do_commit`` change nothing.

        :param compress: compress every object.
        :param open_streams: open each stream with ``with``.
        :param do_fsync: return when everything is on the device.
        :raises AssertionError: when ``compress`` is not a ``bool``.
        """
        streams = list(stream_list)
        self._check_readable()
        with self._pack_writer(compress, do_fsync) as writer, adding.counted(callback, len(streams)) as count:
            return adding.add_streams(writer, streams, open_streams, count)

    def add_objects_to_pack(
        self,
        content_list: Iterable[bytes],
        compress: bool = False,
        no_holes: bool = False,
        no_holes_read_twice: bool = True,
        callback: Optional[Callback] = None,
        do_fsync: bool = True,
        do_commit: bool = True,
    ) -> list[str]:
        """Store bytes as packed objects. Return their keys, in order.

        The parameters are those of :meth:`add_streamed_objects_to_pack`.
        """
        contents = list(content_list)
        if not self.is_initialised:
            raise ValueError("Invalid hash type: the container is not initialised")
        with self._pack_writer(compress, do_fsync) as writer, adding.counted(callback, len(contents)) as count:
            keys = writer.add_many(contents)
            count(len(keys))
            return keys

    @contextmanager
    def _pack_writer(self, compress: bool, do_fsync: bool) -> Iterator[PackWriter]:
        assert isinstance(compress, bool), (
            "only True or False are valid `compress` modes when adding directly to a pack"
        )
        with (
            locking(),
            self._syncing(do_fsync) as store,
            store.pack_writer("always" if compress else "never") as writer,
        ):
            yield writer

    def import_objects(
        self,
        hashkeys: Iterable[str],
        source_container: Any,
        compress: bool = False,
        target_memory_bytes: int = 104857600,
        callback: Optional[Callback] = None,
        do_fsync: bool = True,
    ) -> dict[str, str]:
        """Copy objects of another container into packs. Return the new key of each old one that was copied.

        The other container is one of this class, or of ``disk_objectstore``. Keys without an object are left out, and
        so are objects that are here already. Without ``compress``, objects of a container of this class are copied
        as they are, compressed or not. Memory is bounded in any case, whatever ``target_memory_bytes`` is.
        """
        keys = list(dict.fromkeys(hashkeys))
        if isinstance(source_container, Objects):
            if not compress:
                return self._import_ours(keys, source_container, callback, do_fsync)
            keys = [key for key in keys if is_key(key)]
        with self._pack_writer(compress, do_fsync) as writer:
            return adding.import_foreign(self, writer, keys, source_container, callback)

    def _import_ours(
        self, keys: list[str], source: Objects, callback: Optional[Callback], do_fsync: bool
    ) -> dict[str, str]:
        there = [key for key, found in zip(keys, source.has_objects(keys)) if found]
        absent = [key for key, found in zip(there, self.has_objects(there)) if not found]
        reporter = Reporter(callback, "Copy objects")
        with locking(), self._syncing(do_fsync) as store:
            sound(store.import_from(source.get_folder(), absent, progress=reporter.progress))
        reporter.close()
        return {key: key for key in absent}
