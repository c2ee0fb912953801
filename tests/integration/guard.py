# SPDX-License-Identifier: MIT
"""A small process that outlives a test run which was killed, and clears up after it.

Servers and daemons are told to it by process id, work folders by path. When the
run ends, however it ends, the pipe closes, and what is still registered is killed
and removed. Without it a killed run would leave database servers behind.
"""
import os
import shutil
import signal
import subprocess
import sys
import threading


class Guard:
    def __init__(self):
        self.lock = threading.Lock()
        self.proc = subprocess.Popen([sys.executable, os.path.abspath(__file__)],
                                     stdin=subprocess.PIPE, start_new_session=True)

    def _tell(self, line):
        with self.lock:
            self.proc.stdin.write(os.fsencode(line) + b"\n")
            self.proc.stdin.flush()

    def add_process(self, pid):
        self._tell(f"+pid {pid}")

    def drop_process(self, pid):
        self._tell(f"-pid {pid}")

    def add_folder(self, path):
        self._tell(f"+dir {path}")


_guard = []


def guard():
    """The guard of this process, started on first use."""
    if not _guard:
        _guard.append(Guard())
    return _guard[0]


def descendants(pid):
    """Process ids below pid, parents first."""
    found = []
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            children = [int(c) for c in f.read().split()]
    except OSError:
        return found
    for child in children:
        found.append(child)
        found.extend(descendants(child))
    return found


def kill_tree(pid, sig=signal.SIGKILL):
    """Sends sig to pid and all that it started; returns their ids."""
    family = [pid] + descendants(pid)
    for each in family:
        try:
            os.kill(each, sig)
        except ProcessLookupError:
            pass
    return family


def main():
    pids, folders = set(), []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        verb, _, rest = os.fsdecode(line.rstrip(b"\n")).partition(" ")
        if verb == "+pid":
            pids.add(int(rest))
        elif verb == "-pid":
            pids.discard(int(rest))
        elif verb == "+dir":
            folders.append(rest)
    for pid in pids:
        kill_tree(pid)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
