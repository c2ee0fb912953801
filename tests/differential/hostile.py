#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Statements with hostile values: the SQL must not depend on them.

    tests/differential/hostile.py [--count N] [--seed N]

The generator makes each statement twice, alike but for the texts, dates and numbers in
it: one with tame values, one with quotes, comments, placeholders and the like. Both are
compiled for all three dialects, and the SQL must be the same, which the plan cache must
know (the second is a hit). Then the hostile texts are asked back from all three databases.
"""
import argparse
import sys

from generate import Generator
from rig import DATABASES, Rig
from values import HOSTILE

BATCH = 100


class Twin(Generator):
    """A generator whose texts are tame or hostile, with the same choices otherwise."""

    def __init__(self, seed, hostile):
        super().__init__(seed)
        self.spiteful = hostile

    def text(self):
        at, length = self.rng.randrange(len(HOSTILE)), self.rng.randint(1, 3)
        # Equal literals share a bind, so both twins have equal texts at equal places.
        return HOSTILE[at] * length if self.spiteful else f"tame {at} {length}"

    def special(self, what):
        if what in ("pattern", "affix", "chars", "sep"):
            text = self.text()
            return self.param(text) if self.rng.random() < .4 else {"value": text}
        return super().special(what)


def compiled(reply):
    return reply.get("sql"), reply.get("error", {}).get("code")


def compare_twins(rig, seeds):
    """Faults found, and how many statements compiled."""
    faults, good, requests = [], 0, []
    for seed in seeds:
        for hostile in (False, True):
            request = Twin(seed, hostile).statement().request
            requests.append({"op": "compile", **{k: request[k] for k in ("query", "params", "expect")
                                                 if k in request}})
    replies = rig.ask_all(requests)
    for i, seed in enumerate(seeds):
        for at, db in enumerate(DATABASES):
            tame, spite = replies[2 * i][at], replies[2 * i + 1][at]
            if compiled(tame) != compiled(spite):
                faults.append(f"seed {seed}, {db}: the SQL changes with the values\n"
                              f"  {compiled(tame)}\n  {compiled(spite)}")
            elif "sql" in tame:
                good += 1
                if spite["plan"] != "hit":
                    faults.append(f"seed {seed}, {db}: not the plan of its twin\n  {tame['sql']}")
    return faults, good


def round_trip(rig):
    """Each hostile text through literals, params, columns and conditions."""
    faults, requests = [], []
    for text in HOSTILE:
        value = {"value": text}
        requests.append({"query": {"select": [{"a": value}, {"b": ":p"}, {"c": ["=", value, ":p"]},
                                              {"d": ["coalesce", None, value]}]},
                         "params": {"p": text}})
    for text, replies in zip(HOSTILE, rig.ask_all(requests)):
        for db, reply in zip(DATABASES, replies):
            if reply.get("rows") != [[text, text, True, text]]:
                faults.append(f"{db}: {text!r} came back as {reply}")
    for text in HOSTILE:
        replies = rig.ask_all([
            {"query": {"insert": "loose", "rows": ":r"},
             "params": {"r": [{"id": 900, "word": "w", "story": text}]}},
            {"query": {"select": ["id", "story"], "from": "loose",
                       "where": ["and", ["=", "story", {"value": text}], [">", "id", 800]]}},
            {"query": {"delete": "loose", "where": ["in", "id", [900]]}}])
        for db, insert, read, _ in zip(DATABASES, *replies):
            if read.get("rows") != [[900, text]]:
                faults.append(f"{db}: stored {text!r}: {insert} {read}")
    return faults


def with_names(column, table):
    """A statement whose aliases are these."""
    name = {"name": [table, "id"]}
    return {"op": "compile",
            "query": {"select": [{column: name}], "from": {table: "things"},
                      "where": [">", name, 3], "order_by": [{"desc": {"name": [column]}}]}}


def names(rig):
    """Aliases are never part of the SQL, so hostile ones change nothing but `columns`."""
    faults = []
    bad = [h for h in HOSTILE if not h.startswith(":") and "\x01" not in h]
    tame, *rest = rig.ask_all([with_names("c", "t")] + [with_names(h, h + "t") for h in bad])
    for text, replies in zip(bad, rest):
        for db, want, got in zip(DATABASES, tame, replies):
            if compiled(want) != compiled(got) or got.get("columns") != [text]:
                faults.append(f"{db}: the alias {text!r} changes the SQL: {compiled(got)}")
    return faults


def refused(rig):
    """U+0000 is refused wherever a text can stand, before a database is asked."""
    faults = []
    for query in ({"select": [{"c": {"value": "a\0b"}}]}, {"select": [":p"]},
                  {"insert": "loose", "rows": [{"id": 901, "word": "a\0b"}]},
                  {"select": ["id"], "from": "loose", "where": ["=", "word", {"value": "\0"}]}):
        request = {"query": query, **({"params": {"p": "a\0b"}} if query.get("select") == [":p"]
                                      else {})}
        for db, reply in zip(DATABASES, rig.ask_all([request])[0]):
            if reply.get("error", {}).get("code") != "bad_value":
                faults.append(f"{db}: U+0000 in {query} gives {reply}")
    return faults


def run(rig, count, seed):
    faults, good = round_trip(rig) + names(rig) + refused(rig), 0
    for at in range(seed, seed + count, BATCH):
        found, compiled_now = compare_twins(rig, range(at, min(at + BATCH, seed + count)))
        faults += found
        good += compiled_now
    for fault in faults[:20]:
        print(fault)
    print(f"hostile: {count} statements, {good} of {count * len(DATABASES)} compiled, "
          f"{len(faults)} faults")
    if good < count:
        print("hostile: most statements did not compile")
    return len(faults) + (good < count)


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--count", type=int, default=2000)
    p.add_argument("--seed", type=int, default=1)
    options = p.parse_args(argv)
    with Rig() as rig:
        return 1 if run(rig, options.count, options.seed) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
