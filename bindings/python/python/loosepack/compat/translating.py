"""What loosepack raises and reports, as ``disk_objectstore`` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import Corrupt, Locked
from .exceptions import InconsistentContent
from .utils import CompressMode

if TYPE_CHECKING:
    from ..types import Report

_COMPRESSION = {CompressMode.NO: "never", CompressMode.YES: "always", CompressMode.AUTO: "auto"}


@contextmanager
def locking() -> Iterator[None]:
    """Turn exceptions of loosepack into those of ``disk_objectstore``."""
    try:
        yield
    except Locked as error:
        raise FileExistsError(str(error)) from error
    except Corrupt as error:
        raise InconsistentContent(str(error)) from error


def compression(mode: CompressMode) -> str:
    """Return the name that loosepack has for a mode.

    :raises NotImplementedError: when it has none.
    """
    if mode not in _COMPRESSION:
        raise NotImplementedError(f"Unknown or unimplemented compression mode {mode}")
    return _COMPRESSION[mode]


def sound(report: Report) -> None:
    """Raise ``InconsistentContent`` when a job has found damage."""
    if report.problems:
        raise InconsistentContent("; ".join(f"{file}: {message}" for file, message in report.problems))
