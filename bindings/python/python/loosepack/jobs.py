"""Running long operations: progress, signals and waiting for the pack lock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from .errors import Locked
from .types import Finding, Progress, Report

if TYPE_CHECKING:
    from ._loosepack import Job

    #: Called between the steps of a job. What it returns is ignored; what it raises ends the job.
    OnProgress = Callable[[Progress], object]

#: Seconds between two attempts to take the pack lock.
PAUSE = 0.02

T = TypeVar("T")


def waiting(wait: float, attempt: Callable[[], T]) -> T:
    """Call ``attempt`` again while the pack lock is taken, for at most ``wait`` seconds."""
    end = time.monotonic() + wait
    while True:
        try:
            return attempt()
        except Locked:
            if time.monotonic() >= end:
                raise
        time.sleep(PAUSE)


def run(start: Callable[[], Job], wait: float, progress: Optional[OnProgress]) -> Report:
    """Run a job to its end. What its steps have committed stays when it is stopped by an exception."""
    found: tuple[list[Finding], list[Finding], list[Finding]] = ([], [], [])

    def begin() -> tuple[Job, tuple[Any, ...]]:
        job = start()
        # Some jobs take the lock in their first step.
        return job, job.step()

    job, step = waiting(wait, begin)
    try:
        while True:
            finished, done, total, objects, size, *findings = step
            for collected, more in zip(found, findings):
                collected.extend(Finding(*finding) for finding in more)
            if progress is not None:
                progress(Progress(done, total, objects, size))
            if finished:
                return Report(objects, size, *found)
            step = job.step()
    finally:
        job.abandon()
