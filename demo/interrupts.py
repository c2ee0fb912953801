# SPDX-License-Identifier: MIT
"""Ctrl-C, SIGTERM and SIGHUP end the demo with KeyboardInterrupt, but never between
the start of a process and the note that it must be stopped, and only once: an
impatient second Ctrl-C must not end the clearing up."""
import contextlib
import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    def __init__(self):
        self.held, self.came, self.raised = False, False, False
        for sig in SIGNALS:
            signal.signal(sig, self._arrived)

    def _arrived(self, signum, frame):
        del signum, frame
        self.came = True
        if not self.held:
            self._end()

    def _end(self):
        if self.came and not self.raised:
            self.raised = True
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def hold(self):
        """Puts interrupts off until the block is over."""
        self.held = True
        try:
            yield
        finally:
            self.held = False
        self._end()

    @staticmethod
    def ignore():
        for sig in SIGNALS:
            signal.signal(sig, signal.SIG_IGN)
