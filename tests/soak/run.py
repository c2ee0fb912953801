#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bank and list-append under faults, through tribikosd and straight to the database.

    tests/soak/run.py [--seconds N] [--seed N] [--only TEXT] [--calm] [--folder PATH]

$TRIBIKOSD is the program (default build/tribikosd); SECONDS the time of all runs
together. Each combination of database and isolation is run straight to the database,
as a control, and through the daemon. A run through the daemon fails if it shows an
anomaly that the database may not have at this isolation (rules.py), unless the control
has it as well. The exit code is 0 only if no run failed; histories stay in FOLDER.

    tests/soak/run.py --judge HISTORY.jsonl       judges a kept history again
"""
import argparse
import os
import random
import sys
import tempfile

from rig import KINDS, Plan, judge, run
from history import read
from rules import COMBINATIONS, verdict


def summary(result, faults):
    """A few lines on one run."""
    outcomes = result.outcomes
    ends = {kind: sum(n for name, n in outcomes.items() if name.endswith(kind))
            for kind in ("ok", "fail", "info")}
    print(f"{'FAILED' if faults else 'passed'}  {result.plan.name()}: {ends['ok']} ok, "
          f"{ends['fail']} refused, {ends['info']} unknown, "
          f"{result.lost_answers} answers lost")
    print("        " + ", ".join(f"{n} {name}" for name, n in sorted(outcomes.items())))
    if any(result.deeds.values()):
        print("        nemesis: " + ", ".join(f"{n} {d}" for d, n in result.deeds.items() if n))
    if result.codes:
        print("        errors: " + ", ".join(f"{n} {c}" for c, n in result.codes.most_common()))
    for line in result.found.lines(faults):
        print("        " + line)
    sys.stdout.flush()


def chosen(options):
    seconds = options.seconds / max(1, 2 * len(COMBINATIONS))
    plans = [Plan(kind, isolation, through, seconds, options.seed, options.calm)
             for kind, isolation in COMBINATIONS for through in ("control", "proxy")]
    return [p for p in plans if options.only in p.name()]


def run_all(options, folder):
    failed, controls, server = 0, {}, None
    try:
        for plan in chosen(options):
            if server is None or server.name != plan.kind:
                if server:
                    server.remove()
                server = KINDS[plan.kind]()
            result = run(plan, server, folder)
            kinds = result.found.kinds()
            if plan.through == "control":
                controls[plan.kind, plan.isolation] = kinds
            faults = verdict(plan, kinds, controls.get((plan.kind, plan.isolation), set()))
            summary(result, faults)
            if faults:
                failed += 1
                print(f"        seed {plan.seed}, history {result.path}: {', '.join(faults)}")
    finally:
        if server:
            server.remove()
    return failed


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seconds", type=float, default=600)
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--only", default="", help="runs whose name has this text")
    p.add_argument("--calm", action="store_true", help="no faults")
    p.add_argument("--folder", default=None)
    p.add_argument("--judge", default=None, metavar="HISTORY")
    options = p.parse_args(argv)
    if options.judge:
        print("\n".join(judge(read(options.judge)).lines()) or "nothing found")
        return 0
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1, 10**6)
    folder = options.folder or tempfile.mkdtemp(prefix="tribikos-soak-histories-")
    os.makedirs(folder, exist_ok=True)
    failed = run_all(options, folder)
    print(f"soak: seed {options.seed}, {failed} failed; histories in {folder}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
