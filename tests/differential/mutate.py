#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Faults made on purpose must be found: one operator of one dialect is changed, and the
random statements must disagree within a minute.

    tests/differential/mutate.py [--all | --some N] [--seconds N]

The sources are copied and built in a temporary folder; nothing here is touched. A
mutation whose text is no longer in the sources is a fault as well.
"""
import argparse
import os
import sys
import time

import mutations
from differ import of_statement, run_cases
from generate import generate
from mutant import Build, write
from rig import DATABASES, Rig

BATCH = 240
SEEDS = 6000


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
    found = build.find(old, ["compiler"])
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
