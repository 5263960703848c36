"""Progress of jobs for the callbacks of ``disk_objectstore``: ``init``, any number of ``update``, ``close``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ..types import Progress

if TYPE_CHECKING:
    from ..jobs import OnProgress
    from .utils import Callback


class Reporter:
    """Passes the progress of one job to a callback. The updates add up to the total."""

    def __init__(self, callback: Optional[Callback], description: str) -> None:
        self._callback = callback
        self._description = description
        self._done: Optional[int] = None

    @property
    def progress(self) -> Optional[OnProgress]:
        """What the job reports to."""
        return self._report if self._callback else None

    def _report(self, progress: Progress) -> None:
        assert self._callback is not None
        if self._done is None:
            self._done = 0
            self._callback("init", {"total": progress.total, "description": self._description})
        if progress.done > self._done:
            self._callback("update", progress.done - self._done)
            self._done = progress.done

    def close(self) -> None:
        """Report the end."""
        if self._callback:
            if self._done is None:
                self._callback("init", {"total": 0, "description": self._description})
            self._callback("close", None)
