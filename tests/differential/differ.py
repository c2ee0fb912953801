#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random statements on three databases, whose answers must be equal.

    tests/differential/differ.py [--count N] [--seed N] [--seconds N] [--stop N] [--keep]

$TRIBIKOSD is the program (default build/tribikosd). First the kept cases (cases/*.json),
then COUNT statements from SEED on; the last lines say how many were answered, what was
refused and why, and which disagreed. A disagreement is shrunk to a small case and printed
as a request; --keep writes it into cases/. The exit code is 0 only if none disagreed.
"""
import argparse
import glob
import json
import os
import sys
import time

import compare
import schema
from generate import generate
from rig import DATABASES, HERE, Rig, dump, line_of, restore
from shrink import shrink

BATCH = 240
ANSWERED = 95  # percent


class Case:
    """A statement with what must be sent round it, and the verdict on its replies."""

    def __init__(self, request, ordered, risky, writes):
        self.request, self.ordered, self.risky, self.writes = request, ordered, risky, writes

    def lines(self):
        if not self.writes:
            return [line_of(self.request)]
        return [line_of(self.request)] + AFTER_WRITE

    def judge(self, replies):
        """replies: for each line, the raw reply of each database."""
        if not self.writes and replies[0][0] == replies[0][1] == replies[0][2] and \
                not replies[0][0].startswith(b'{"error"'):
            return compare.Verdict("equal")
        parsed = [[json.loads(r) for r in line] for line in replies]
        found = compare.verdict(DATABASES, parsed[0], self.ordered, self.risky)
        if not self.writes:
            return found
        for line in parsed[1:1 + len(schema.SCRATCH)]:
            # what a database refused, or had an error in, it must not have changed
            taken = [i for i, r in enumerate(parsed[0]) if "error" not in r]
            tables = [line[i] for i in taken] + \
                [line[i] for i in range(len(line)) if i not in taken]
            groups = (tables[:len(taken)], tables[len(taken):])
            for group in groups:
                for other in group[1:]:
                    how = compare.differing(group[0], other, True)
                    if how and found.what != "either":
                        return compare.Verdict("differs", f"tables after it: {how}")
        for line in parsed[1:]:
            for reply in line:
                if "error" in reply:
                    return compare.Verdict("differs", f"no reset: {reply['error']['message']}")
        return found


AFTER_WRITE = [line_of(r) for r in [dump(t) for t in schema.SCRATCH] + restore(schema.SCRATCH)]


def of_statement(s):
    return Case(s.request, s.ordered, s.risky, s.writes)


def run_cases(rig, cases):
    """The verdict on each case; (case, verdict) one by one."""
    lines, spans = [], []
    for case in cases:
        own = case.lines()
        spans.append((len(lines), len(lines) + len(own)))
        lines += own
    replies = rig.exchange(lines)
    for case, (begin, end) in zip(cases, spans):
        yield case, case.judge(replies[begin:end])


def kept():
    """The cases that once disagreed."""
    for path in sorted(glob.glob(os.path.join(HERE, "cases", "*.json"))):
        with open(path, encoding="utf-8") as f:
            for each in json.load(f):
                yield Case(each["request"], each.get("ordered", False),
                           each.get("risky", False), each.get("writes", False))


def keep(case, why):
    """Writes a case into cases/, to be run from now on."""
    path = os.path.join(HERE, "cases", "found.json")
    cases = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            cases = json.load(f)
    flags = {k: True for k in ("ordered", "risky", "writes") if getattr(case, k)}
    cases.append({"was": why, "request": case.request, **flags})
    with open(path, "w", encoding="utf-8") as f:
        body = ",\n ".join(json.dumps(c, ensure_ascii=False) for c in cases)
        f.write(f"[{body}]\n")


class Run:
    def __init__(self, rig, options):
        self.rig, self.options = rig, options
        self.counts, self.found, self.kinds = compare.Counts(), [], {}
        self.end = time.monotonic() + options.seconds if options.seconds else None

    def judge(self, case):
        return next(run_cases(self.rig, [case]))[1]

    def results(self, cases):
        """[(case, verdict)]; a statement that ends a server disagrees, and those behind it
        are asked again."""
        results = list(run_cases(self.rig, cases))
        if not self.rig.revive():
            return results
        self.rig.fill_scratch()
        results = []
        for case in cases:
            results += run_cases(self.rig, [case])
            dead = self.rig.revive()
            if dead:
                results[-1] = case, compare.Verdict("differs", "it ends " + dead[0])
        return results

    def over(self):
        return self.end is not None and time.monotonic() > self.end or \
            len(self.found) >= self.options.stop

    def report(self, case, verdict, origin):
        """Shrinks a disagreement and prints it, once for each kind of it."""
        self.found.append((case, verdict))
        sign = verdict.why
        self.kinds[sign] = self.kinds.get(sign, 0) + 1
        if self.kinds[sign] > self.options.each:
            return
        ends = verdict.why.startswith("it ends")
        small = case if ends or not self.options.shrink else shrink(case, verdict, self.judge)
        print(f"\ndisagreement ({origin}): {verdict.why}")
        print(json.dumps(small.request, ensure_ascii=False))
        replies = () if ends else self.rig.exchange(small.lines())[0]
        for db, reply in zip(DATABASES, replies):
            print(f"  {db + ':':<12} {reply.decode('utf-8', 'replace')[:420]}")
        sys.stdout.flush()
        if self.options.keep:
            keep(small, verdict.why)

    def cases(self):
        for case, verdict in run_cases(self.rig, list(kept())):
            self.counts.add(verdict)
            if verdict.what in ("differs", "invalid"):
                self.report(case, verdict, "a kept case")

    def random(self):
        seed, last = self.options.seed, self.options.seed + self.options.count
        while seed < last and not self.over():
            batch = [generate(s) for s in range(seed, min(last, seed + BATCH))]
            results = self.results([of_statement(s) for s in batch])
            for statement, (case, verdict) in zip(batch, results):
                self.counts.add(verdict, statement.seed)
                if verdict.what == "differs" and not self.over():
                    self.report(case, verdict, f"seed {statement.seed}")
            seed += len(batch)
        return seed - self.options.seed

    def summary(self, done, seconds):
        c = self.counts
        print(f"\n{sum(c.what.values())} statements ({done} random from seed "
              f"{self.options.seed}) in {seconds:.0f} s")
        for what, title in ((c.refusals, "refused"), (c.invalid, "invalid"),
                            (c.errors, "the same error")):
            for why, count in what.most_common(self.options.most):
                print(f"  {count:6} {title}: {why[:150]} (seed {c.seeds[why]})")
        for why, count in sorted(self.kinds.items(), key=lambda k: -k[1]):
            print(f"  {count:6} disagree: {why[:150]}")
        print(f"{c.answered():.2f} % answered, {c.what['refused']} refused, "
              f"{c.what['invalid']} invalid, {c.what['either']} either, "
              f"{len(self.found)} disagreements")


def options_of(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--count", type=int, default=20000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--seconds", type=float, default=0, help="stop after this time")
    p.add_argument("--stop", type=int, default=200, help="stop after so many disagreements")
    p.add_argument("--each", type=int, default=2, help="of one kind, print so many")
    p.add_argument("--most", type=int, default=25, help="lines of each list at the end")
    p.add_argument("--keep", action="store_true", help="write disagreements into cases/")
    p.add_argument("--no-shrink", dest="shrink", action="store_false")
    return p.parse_args(argv)


def main(argv):
    options = options_of(argv)
    with Rig() as rig:
        begin = time.monotonic()
        run = Run(rig, options)
        run.cases()
        done = run.random()
        run.summary(done, time.monotonic() - begin)
    few = run.counts.answered() < ANSWERED
    if few:
        print(f"fewer than {ANSWERED} % were answered")
    return 1 if run.found or few else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
