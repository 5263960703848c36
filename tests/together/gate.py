"""A gate that many pass together, or one alone."""

import contextlib
import threading


class Gate:
    """Many inside, or one that is alone."""

    def __init__(self):
        self.changed = threading.Condition()
        self.inside = 0
        self.alone = False

    @contextlib.contextmanager
    def together(self):
        """Waits for one that is alone."""
        with self.changed:
            self.changed.wait_for(lambda: not self.alone)
            self.inside += 1
        try:
            yield
        finally:
            with self.changed:
                self.inside -= 1
                self.changed.notify_all()

    @contextlib.contextmanager
    def by_itself(self):
        """Waits for all others."""
        with self.changed:
            self.changed.wait_for(lambda: not self.alone)
            self.alone = True
            self.changed.wait_for(lambda: self.inside == 0)
        try:
            yield
        finally:
            with self.changed:
                self.alone = False
                self.changed.notify_all()
