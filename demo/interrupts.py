# SPDX-License-Identifier: MIT
"""Ctrl-C, SIGTERM and SIGHUP end the demo with KeyboardInterrupt, but never between
the start of a process and the note that it must be stopped."""
import contextlib
import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    def __init__(self):
        self.held, self.came = False, False
        for sig in SIGNALS:
            signal.signal(sig, self._arrived)

    def _arrived(self, signum, frame):
        del signum, frame
        if self.held:
            self.came = True
        else:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def hold(self):
        """Puts interrupts off until the block is over."""
        self.held = True
        try:
            yield
        finally:
            self.held = False
        if self.came:
            raise KeyboardInterrupt

    @staticmethod
    def ignore():
        for sig in SIGNALS:
            signal.signal(sig, signal.SIG_IGN)
