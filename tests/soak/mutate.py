#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Faults made on purpose must be found by the soak.

    tests/soak/mutate.py [--seconds N] [--only TEXT]

The sources are copied and built in a temporary folder, changed there in one place at a
time (MUTATIONS), and run until the fault is found, at most SECONDS. A mutation whose
text is no longer in the sources is a fault as well.
"""
import argparse
import os
import sys
import tempfile
import time

from rig import KINDS, Plan, run
from rules import verdict

from mutant import Build, write

FOLDERS = ["daemon", "pool", "backend", "compiler"]
SLICE = 8  # seconds of one run; then the next seed

# (what, text in the sources, text instead, database, isolation)
MUTATIONS = [
    ("a connection comes back inside its transaction and is lent again",
     "} else if (tx != DB_TX_NONE) { member_test(m, TEST_ROLLBACK);",
     "} else if (tx == DB_TX_FAILED) { member_test(m, TEST_ROLLBACK);",
     "postgresql", "repeatable read"),
    ("a COMMIT whose answer was lost is said to have failed",
     "if (r->msg.op == OP_COMMIT && is_lost(r) && run->maybe_executed) {"
     " req_replace_err(r, ERR_COMMIT_UNKNOWN);",
     "if (r->msg.op == OP_COMMIT && is_lost(r) && run->maybe_executed) {"
     " req_replace_err(r, ERR_CONNECTION_LOST);",
     "mariadb", "repeatable read"),
    ("a COMMIT whose answer was lost is said to have succeeded",
     "if (r->msg.op == OP_COMMIT && is_lost(r) && run->maybe_executed) {"
     " req_replace_err(r, ERR_COMMIT_UNKNOWN);",
     "if (r->msg.op == OP_COMMIT && is_lost(r) && run->maybe_executed) {"
     " fail_init(&r->fail); r->err = ERR_OK;",
     "mariadb", "repeatable read"),
    ("a write whose answer was lost is said to have failed",
     "!r->bound.needs_tx && !r->run.stmt->read_only) { req_replace_err(r, ERR_COMMIT_UNKNOWN);",
     "!r->bound.needs_tx && !r->run.stmt->read_only) { req_replace_err(r, ERR_CONNECTION_LOST);",
     "mariadb", "repeatable read"),
    ("the isolation that was asked for is forgotten",
     "t->level == NULL ? NULL : isolation_name(o->isolation)",
     "t->level == NULL || o->deferrable ? NULL : isolation_name(ISOLATION_READ_COMMITTED)",
     "postgresql", "repeatable read"),
    ("every handle of a connection is its first transaction",
     "if (t->handle.present && str_eq(t->handle.text, handle->text)) {",
     "if (t->handle.present && handle->present) {",
     "mariadb", "serializable"),
]


def hunt(server, isolation, seconds, folder):
    """(seconds it took, the classes that were found), or None when the time is over."""
    begin, seed = time.monotonic(), 0
    while time.monotonic() < begin + seconds:
        seed += 1
        plan = Plan(server.name, isolation, "proxy", SLICE, seed)
        found = run(plan, server, folder).found
        faults = verdict(plan, found.kinds(), set())
        server.drop(plan.database())
        if faults:
            return time.monotonic() - begin, faults
    return None


def one(mutation, build, servers, options, folder):
    """A line on what became of it, and whether it was caught."""
    what, old, new, kind, isolation = mutation
    place = build.find(old, FOLDERS)
    if place is None:
        return f"the sources do not have this once: {old}", False
    path, body, at = place
    write(path, body[:at.start()] + new + body[at.end():])
    try:
        build.make()
        if kind not in servers:
            servers[kind] = KINDS[kind]()
        caught = hunt(servers[kind], isolation, options.seconds, folder)
    finally:
        write(path, body)
    if caught is None:
        return f"not found in {options.seconds:.0f} s", False
    return f"after {caught[0]:.0f} s: {', '.join(caught[1])}", True


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seconds", type=float, default=90)
    p.add_argument("--only", default="", help="mutations whose name has this text")
    options = p.parse_args(argv)
    missed, servers = 0, {}
    with tempfile.TemporaryDirectory(prefix="tribikos-soak-mutants-") as folder:
        build = Build(folder)
        os.environ["TRIBIKOSD"] = build.program()
        chosen = [m for m in MUTATIONS if options.only in m[0]]
        try:
            for mutation in chosen:
                text, caught = one(mutation, build, servers, options, folder)
                missed += not caught
                print(f"{'caught' if caught else 'MISSED'}  {mutation[0]}: {text}", flush=True)
        finally:
            for server in servers.values():
                server.remove()
    print(f"soak mutations: {len(chosen)}, {missed} faults")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
