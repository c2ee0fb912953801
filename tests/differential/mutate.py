#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Faults made on purpose must be found: one operator of one dialect is changed, and the
random statements must disagree within a minute.

    tests/differential/mutate.py [--all | --some N] [--seconds N]

The sources are copied and built in a temporary folder; nothing here is touched. A
mutation whose text is no longer in the sources is a fault as well.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import time

import mutations
from differ import of_statement, run_cases
from generate import generate
from rig import DATABASES, Rig

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BATCH = 240
SEEDS = 6000


class Build:
    """A copy of the sources with its own build folder."""

    def __init__(self, folder):
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
                  "--optimization=0", "-Dwerror=false"])
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

    def find(self, text):
        """(path, contents, match) of the one place in the compiler that has the text,
        however its lines are broken; None if there is not exactly one."""
        pattern = re.compile(r"\s+".join(map(re.escape, text.split())))
        found = []
        for path in sorted(glob.glob(os.path.join(self.source, "compiler", "*.c"))):
            with open(path, encoding="utf-8") as f:
                body = f.read()
            found += [(path, body, match) for match in pattern.finditer(body)]
        return found[0] if len(found) == 1 else None


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def known(rig):
    """Seeds that disagree without a mutation: there should be none."""
    found, skip = [], set()
    while True:
        one = hunt(rig, skip, SEEDS, time.monotonic() + 60)
        if one is None:
            return found
        found.append(one)
        skip.add(one[0])


def hunt(rig, skip, last, end):
    """The first seed whose statement disagrees, or None when the time is over."""
    seed = 1
    while time.monotonic() < end and seed < last:
        batch = [generate(s) for s in range(seed, seed + BATCH)]
        for statement, (_, verdict) in zip(batch, run_cases(rig, [of_statement(s)
                                                                  for s in batch])):
            if verdict.what == "differs" and statement.seed not in skip:
                return statement.seed, verdict.why
        seed += BATCH
    return None


def one(rig, build, mutation, skip, seconds):
    """A line on what became of it, and whether it was caught."""
    name, old, new = mutation
    found = build.find(old)
    if found is None:
        return f"the sources do not have this once: {old}", False
    path, body, at = found
    write(path, body[:at.start()] + new + body[at.end():])
    try:
        build.make()
        rig.stop_daemon()
        rig.start_daemon()
        rig.fill_scratch()
        begin = time.monotonic()
        caught = hunt(rig, skip, SEEDS * 10, begin + seconds)
    finally:
        write(path, body)
    if caught is None:
        return f"not found in {seconds} s", False
    return f"seed {caught[0]} after {time.monotonic() - begin:.1f} s: {caught[1][:80]}", True


def chosen(options):
    """All, or some of each dialect, spread over the table."""
    if options.all:
        return mutations.ALL
    out = []
    for db in DATABASES:
        own = [m for m in mutations.ALL if m[0].startswith(db + ":")]
        few = max(1, options.some // len(DATABASES))
        out += own[::max(1, len(own) // few)][:few]
    return out


def run(options):
    missed = 0
    from servers import work_folder
    build = Build(work_folder("mutants"))
    os.environ["TRIBIKOSD"] = build.program()
    with Rig() as rig:
        clean = known(rig)
        for seed, why in clean:
            print(f"mutate: without a mutation seed {seed} disagrees: {why}")
        missed += len(clean)
        skip = {seed for seed, _ in clean}
        for mutation in chosen(options):
            text, caught = one(rig, build, mutation, skip, options.seconds)
            missed += not caught
            print(f"{'caught' if caught else 'MISSED'}  {mutation[0]}: {text}", flush=True)
        build.make()
    print(f"mutations: {len(chosen(options))}, {missed} faults")
    return 1 if missed else 0


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--all", action="store_true")
    p.add_argument("--some", type=int, default=6)
    p.add_argument("--seconds", type=float, default=60)
    return run(p.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
