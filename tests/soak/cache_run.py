#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cached reads, checked: through one daemon none may be stale, through several that share
a Redis none older than a second.

    tests/soak/cache_run.py --reads 1000000            all that make soak runs
    tests/soak/cache_run.py --kind mariadb --seconds 20 --cancels 10 --drops 5 --forms
    tests/soak/cache_run.py --kind postgresql --daemons 2 --redis pause --seconds 30

$TRIBIKOSD is the program (default build/tribikosd). With `--kind` it is one run as the
other options say; without, the first of PLANS gets READS reads and the others a tenth.
"""
import argparse
import random
import sys
import tempfile

from cache_rig import Run, perform
from rig import KINDS

SECONDS = 900  # a run of so many reads is over before

# Fast writers and slow ones, calm and rough, and each database.
PLANS = [
    dict(kind="postgresql", readers=8, in_flight=8),
    dict(kind="postgresql", cancels=10, drops=5, delay=0.01),
    dict(kind="postgresql", rough=True, cancels=5, drops=2),
    *(dict(kind="postgresql", daemons=2, redis=what) for what in ("", "pause", "kill", "daemon")),
    dict(kind="mariadb"),
    dict(kind="mariadb", rough=True, cancels=5, drops=2),
    dict(kind="sqlite"),
]


def tell(run, result, folder, options):
    faults = result.faults(run.rough or run.cancels or run.drops)
    name = run.kind + "".join(f", {word}" for word, on in (
        (f"{run.daemons} daemons", run.daemons > 1), (f"Redis: {run.redis}", run.redis),
        ("answers late", run.delay), ("clients cancel and leave", run.cancels or run.drops),
        ("servers fail", run.rough)) if on)
    print(f"{'FAILED' if faults else 'passed'}  {name}")
    lines = [*result.lines(), *(result.forms() if options.forms else []), *faults]
    print("\n".join("        " + line for line in lines))
    if faults:
        print(f"        seed {run.seed}, history in {folder}")
    sys.stdout.flush()
    return bool(faults)


def runs(options):
    if options.kind:
        names = ("kind", "seconds", "reads", "cancels", "drops", "delay", "rough", "daemons",
                 "redis", "pause_us", "cache", "readers", "in_flight")
        return [Run(seed=options.seed, **{name: getattr(options, name) for name in names})]
    out = []
    for plan in PLANS:
        seconds = SECONDS if not out or not plan.get("rough") else 20
        reads = options.reads if not out else options.reads // 10
        out.append(Run(seconds=seconds, reads=reads, seed=options.seed, **plan))
    return out


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--kind", choices=sorted(KINDS))
    p.add_argument("--reads", type=int, default=0)
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--cancels", type=int, default=0, help="of a thousand requests")
    p.add_argument("--drops", type=int, default=0, help="of a thousand writes to a socket")
    p.add_argument("--delay", type=float, default=0, help="seconds that answers are late")
    p.add_argument("--readers", type=int, default=6)
    p.add_argument("--in-flight", type=int, default=2)
    p.add_argument("--pause-us", type=int, default=150000, help="of writers, at most")
    p.add_argument("--rough", action="store_true", help="servers and connections fail")
    p.add_argument("--daemons", type=int, default=1, help="more than one share a Redis")
    p.add_argument("--redis", default="", choices=["", "pause", "kill", "daemon"],
                   help="what is stopped, or killed, now and then")
    p.add_argument("--cache", default='"cache":true', help="what reads ask for")
    p.add_argument("--forms", action="store_true", help="tell of each form of reading")
    options = p.parse_args(argv)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1, 10**6)
    failed, server = 0, None
    try:
        for run in runs(options):
            if server is None or server.name != run.kind:
                if server:
                    server.remove()
                server = KINDS[run.kind]()
            folder = tempfile.mkdtemp(prefix="tribikos-cache-")
            failed += tell(run, perform(run, server, folder), folder, options)
    finally:
        if server:
            server.remove()
    print(f"cache: seed {options.seed}, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
