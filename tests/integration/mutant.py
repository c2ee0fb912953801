# SPDX-License-Identifier: MIT
"""A build of the daemon with a fault made on purpose, to see whether tests find it. The
sources are copied and built in a temporary folder; nothing of the project is touched."""
import glob
import os
import re
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Build:
    """A copy of the sources with its own build folder, both in `folder`; `options` are
    meson's."""

    def __init__(self, folder, *options):
        self.source = os.path.join(folder, "source")
        self.build = os.path.join(folder, "build")
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE,
                               check=True).stdout.decode().split("\0")
        for name in filter(None, files):
            path = os.path.join(ROOT, name)
            if os.path.exists(path):
                os.makedirs(os.path.dirname(os.path.join(self.source, name)), exist_ok=True)
                shutil.copy2(path, os.path.join(self.source, name))
        self.run(["meson", "setup", self.build, self.source, "-Dtests=false",
                  "--optimization=0", "-Dwerror=false", *options])
        self.make()

    def run(self, argv):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(argv)}\n{done.stdout[-4000:]}")

    def make(self):
        self.run(["ninja", "-C", self.build, "-j2", "--quiet", "tribikosd"])

    def program(self):
        return os.path.join(self.build, "tribikosd")

    def find(self, text, folders):
        """(path, contents, match) of the one place in these folders that has the text,
        however its lines are broken; None if there is not exactly one."""
        pattern = re.compile(r"\s+".join(map(re.escape, text.split())))
        found = []
        for path in sorted(p for each in folders
                           for p in glob.glob(os.path.join(self.source, each, "*.c"))):
            with open(path, encoding="utf-8") as f:
                body = f.read()
            found += [(path, body, match) for match in pattern.finditer(body)]
        return found[0] if len(found) == 1 else None


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
