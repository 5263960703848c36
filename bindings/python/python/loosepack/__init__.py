"""loosepack: a content-addressed object store.

Bytes go in, their SHA-256 comes out::

    from loosepack import Container

    with Container.create("store") as store:
        object_id = store.add(b"some bytes")
        assert store[object_id] == b"some bytes"

The store runs in a WebAssembly sandbox within this process, which is given the container's directory and nothing else.
:class:`Container` has the documentation. :mod:`loosepack.compat` has the names of the package ``disk_objectstore``.
"""

from ._loosepack import VERSION as __version__
from .container import Container
from .errors import (
    AlreadyExists,
    Corrupt,
    Error,
    Forked,
    InvalidArgument,
    InvalidId,
    Locked,
    NoContainer,
    NotFound,
    ReadOnly,
    SourceChanged,
    Stopped,
    StorageError,
    TooLarge,
    UnsupportedFormat,
    WriterFailed,
)
from .packing import PackWriter
from .streams import ObjectReader, ObjectWriter
from .types import Config, Finding, ObjectInfo, PackInfo, Progress, Report, Stats

__all__ = [
    "AlreadyExists",
    "Config",
    "Container",
    "Corrupt",
    "Error",
    "Finding",
    "Forked",
    "InvalidArgument",
    "InvalidId",
    "Locked",
    "NoContainer",
    "NotFound",
    "ObjectInfo",
    "ObjectReader",
    "ObjectWriter",
    "PackInfo",
    "PackWriter",
    "Progress",
    "ReadOnly",
    "Report",
    "SourceChanged",
    "Stats",
    "Stopped",
    "StorageError",
    "TooLarge",
    "UnsupportedFormat",
    "WriterFailed",
    "__version__",
]
