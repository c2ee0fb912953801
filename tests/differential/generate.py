# SPDX-License-Identifier: MIT
"""Random statements of the language, well-typed, the same for the same seed.

    python3 tests/differential/generate.py [COUNT [SEED]]     prints requests
"""
import json
import random
import sys

import operators
import schema
from expressions import SHOWN
from scopes import Scope, of_table
from writes import Writes


class Statement:
    """A request and what is to be compared.

    ordered: the rows have one possible order. writes: it changes scratch tables, which
    are compared afterwards. risky: an error in a part of it may be skipped by a
    database that has no need of that part.
    """

    def __init__(self, seed, request, ordered, writes, risky):
        self.seed, self.request, self.ordered = seed, request, ordered
        self.writes, self.risky = writes, risky


def names_in(x):
    """All strings of code; what {"value": …} holds is data."""
    if isinstance(x, str):
        return {x}
    if isinstance(x, dict):
        return set().union(*(names_in(v) for k, v in x.items() if k != "value"))
    return set().union(*map(names_in, x)) if isinstance(x, list) else set()


class Generator(Writes):
    def __init__(self, seed, hostile=False):
        super().__init__(random.Random(seed), hostile)
        self.seed, self.bare_names = seed, set()

    def statement(self):
        self.budget = self.rng.choice([4, 8, 16, 30])
        if self.chance(.12):
            return self.made({"query": self.write()}, False, True)
        at = self.rng.random()
        if at < .3:
            return self.probe()
        if at < .36:
            return self.aggregated()
        return self.free()

    def made(self, request, ordered, writes=False):
        used = {n: v for n, v in self.params.items() if ":" + n in names_in(request["query"])}
        if used:
            request["params"] = used
        return Statement(self.seed, request, ordered, writes, self.risky)

    def probe(self):
        """One expression of each row of one table: errors must be equal, too."""
        table = self.rng.choice([schema.THINGS, schema.THINGS, schema.PARTS])
        self.scope = Scope()
        self.scope.sources = [of_table(table.name, table)]
        self.bare_names.add(table.name)
        e = self.expr(self.rng.choice(SHOWN + ["bool", "bool", "json", "span"]), 3)
        q = {"select": [{"c0": e}], "from": table.name, "order_by": list(table.key)}
        return self.made({"query": q}, True)

    def aggregated(self):
        """One value."""
        kind = self.rng.choice(list(operators.AGGREGATES))
        q = {"select": None}
        self.scope = Scope()
        self.add_from(q, 1)
        if self.chance(.4):
            q["where"] = self.condition(2)
            self.risky = True
        self.scope.groups = []
        q["select"] = [{"c0": self.aggregate(kind, 2)}]
        expect = self.rng.choice(["scalar", "one", "all", "one_or_none", "first"])
        return self.made({"query": q, "expect": expect}, False)

    def free(self):
        self.scope = Scope()
        extra = self.add_ctes() if self.chance(.1) else {}
        self.scope = Scope()
        at = self.rng.random()
        if at < .06:
            q = self.compound(2)
        elif at < .08:
            q = self.values_query()
        else:
            q = self.select(None, self.rng.choice([1, 2, 2, 3]))
        q.update(extra)
        request, total = {"query": q}, self.total
        expect = self.weighted([(80, None), (4, "count"), (4, "exists"),
                                (4 if total else 0, "first"),
                                (3 if len(self.outputs) == 1 else 0, "scalars"),
                                (1, "one_or_none"), (1, "one")])[1]
        if expect in ("count", "exists", "first", "one", "one_or_none"):
            self.risky = True
        if expect == "count" or expect == "exists":
            q.pop("for", None)
        if expect:
            request["expect"] = expect
        elif self.chance(.06) and not any(isinstance(i, str) for i in q.get("select", "*")):
            request["as"] = self.rng.choice(["objects", "columns"])
        return self.made(request, total)


def generate(seed, hostile=False):
    return Generator(seed, hostile).statement()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for seed in range(first, first + count):
        print(json.dumps(generate(seed).request, ensure_ascii=False))


if __name__ == "__main__":
    main()
