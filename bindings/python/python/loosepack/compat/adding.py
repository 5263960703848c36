"""Adding streams: small ones together, large ones piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Optional

from .. import container as ours
from ..packing import PackWriter
from .utils import nullcontext

if TYPE_CHECKING:
    from .objects import Objects
    from .utils import Callback

#: Bytes of a stream that are read to find out whether it is small.
SMALL = 512 << 10
#: Bytes and number of small streams that are added together.
TOGETHER, NUMBER = 8 << 20, 10_000


class Continued:
    """A stream whose beginning was read already."""

    def __init__(self, beginning: bytes, stream: Any) -> None:
        self._beginning = beginning
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Read at most ``size`` bytes."""
        if not self._beginning:
            return self._stream.read(size)
        now, self._beginning = self._beginning[:size], self._beginning[size:]
        return now


def _begin(stream: Any) -> tuple[bytes, bool]:
    """Read the beginning of a stream. Return it, and whether that is all of it."""
    beginning = stream.read(SMALL)
    while len(beginning) < SMALL:
        more = stream.read(SMALL - len(beginning))
        if not more:
            return beginning, True
        beginning += more
    return beginning, False


def add_stream(store: ours.Container, stream: Any) -> str:
    """Store a stream as a loose object. Return its key."""
    beginning, whole = _begin(stream)
    return store.add(beginning) if whole else store.add(Continued(beginning, stream))  # type: ignore[arg-type]


def add_streams(writer: PackWriter, streams: list[Any], open_streams: bool, count: Callable[[int], None]) -> list[str]:
    """Store streams as packed objects. Return their keys, in order. ``count`` gets the number of added objects."""
    keys: list[str] = []
    group: list[bytes] = []
    size = 0

    def flush() -> None:
        nonlocal size
        keys.extend(writer.add_many(group))
        count(len(group))
        group.clear()
        size = 0

    for stream in streams:
        with stream if open_streams else nullcontext(stream) as opened:
            beginning, whole = _begin(opened)
            if whole:
                group.append(beginning)
                size += len(beginning)
            else:
                flush()
                keys.append(writer.add(Continued(beginning, opened)))  # type: ignore[arg-type]
                count(1)
        if size >= TOGETHER or len(group) == NUMBER:
            flush()
    flush()
    return keys


@contextmanager
def counted(callback: Optional[Callback], total: int) -> Iterator[Callable[[int], None]]:
    """Report objects to a callback, as they are added."""
    if callback is None:
        yield lambda number: None
        return
    callback("init", {"total": total, "description": "Bulk storing"})

    def count(number: int) -> None:
        if number:
            callback("update", number)

    yield count
    callback("close", None)


def import_foreign(
    target: Objects, writer: PackWriter, keys: Iterable[str], source: Any, callback: Optional[Callback]
) -> dict[str, str]:
    """Copy objects of a container of ``disk_objectstore``. Return the new key of each old one."""
    keys = list(keys)
    if source.hash_type == target.hash_type:
        keys = [key for key, found in zip(keys, target.has_objects(keys)) if not found]
    renamed: dict[str, str] = {}
    with counted(callback, len(keys)) as count, source.get_objects_stream_and_meta(keys) as found:
        for key, stream, _ in found:
            renamed[key] = add_streams(writer, [stream], False, count)[0]
    return renamed
