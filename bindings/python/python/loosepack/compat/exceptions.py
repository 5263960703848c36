"""The exceptions of ``disk_objectstore``."""

__all__ = ("ClosingNotAllowed", "InconsistentContent", "ModificationNotAllowed", "NotExistent", "NotInitialised")


class NotExistent(Exception):
    """There is no such object."""


class NotInitialised(Exception):
    """The container has not been initialised."""


class ModificationNotAllowed(Exception):
    """Never raised here: an object that is written cannot be written to again."""


class ClosingNotAllowed(Exception):
    """Never raised here: the file of an object that is written is not handed out."""


class InconsistentContent(Exception):
    """Stored data is damaged."""
