# SPDX-License-Identifier: MIT
"""What the checkers share: the files of the project, and how they report."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def files(*endings):
    """Paths, relative to the root, that git knows or would add."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"],
                            stdout=subprocess.PIPE, check=True).stdout.decode().split("\0")
    return sorted(p for p in listed if p and p.endswith(endings)
                  and os.path.isfile(os.path.join(ROOT, p)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def folder_of(path):
    return path.split("/", 1)[0] if "/" in path else ""


class Report:
    """Collects faults; `end` prints them and is the exit code."""

    def __init__(self, what):
        self.what, self.faults, self.looked_at = what, 0, 0

    def fault(self, path, line, text):
        self.faults += 1
        print(f"{path}:{line}: {text}" if line else f"{path}: {text}")

    def end(self):
        if self.looked_at == 0:
            print(f"{self.what}: found nothing to look at")
            return 1
        print(f"{self.what}: {self.looked_at} looked at, {self.faults} faults")
        return 1 if self.faults else 0


def finish(report):
    sys.exit(report.end())
