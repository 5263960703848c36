"""The API of the package ``disk_objectstore`` 1.5 over containers of loosepack.

A program changes one import::

    from loosepack.compat import CompressMode, Container, ObjectType

Names, arguments, results, exceptions and callbacks are those of ``disk_objectstore``; the directory is a container of
loosepack. ``docs/from-disk-objectstore.md`` has the differences, call by call, and how existing containers move over.
"""

from .. import __version__
from .container import CompressMode, Container, ObjectType

__all__ = ("CompressMode", "Container", "ObjectType", "__version__")
