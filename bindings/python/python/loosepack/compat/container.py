"""The class ``Container`` of ``disk_objectstore``, over a container of loosepack."""

from .dataclasses import ObjectType
from .packing import Packing
from .upkeep import Upkeep
from .utils import CompressMode

__all__ = ("CompressMode", "Container", "ObjectType")


class Container(Packing, Upkeep):
    """A container of objects. It may be used by any number of threads at once."""
