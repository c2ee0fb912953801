# SPDX-License-Identifier: MIT
"""Whether three replies to one request say the same.

The rules, which are all there are:
- Rows are equal as a multiset; in order where the statement has one possible order.
  Floating point numbers are equal within 1e-12 of their size (or 1e-12 near zero;
  1e-9 below aggregates that take squares). All else is equal exactly; in json
  values 1 and 1.0 are one number.
- `columns` and `types` are equal, but that SQLite's `real` and `integer` hold 64 bits, as
  double and bigint do.
- An error is the same code on all. Where a statement is risky (has parts that a database
  may skip or take in another order: and/or, case, subqueries, limits, joins with
  conditions, writes), an error of class `data` on one may be rows, or another `data`
  error, on the other: these are counted as `either`, not as equal. So is no_result,
  which is an answer of no rows. A write that breaks several constraints may name either.
- `unsupported_feature` on some databases is a refusal there; the others are compared.
  So is an exact number of more than 15 digits, which SQLite cannot hold.
"""
import collections
import json

DATA_ERRORS = {"out_of_range", "division_by_zero", "bad_value", "too_long", "data_error",
               "multiple_results"}
INTEGRITY_ERRORS = {"unique_violation", "foreign_key_violation", "not_null_violation"}
SAME_TYPE = {"real": "double", "integer": "bigint"}


class Verdict:
    """what: equal, either, refused, invalid, differs. `why` groups the same ones."""

    def __init__(self, what, why=""):
        self.what, self.why = what, why


def near(a, b):
    if a == b:
        return True
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if isinstance(a, bool) or isinstance(b, bool) or not isinstance(a, (int, float)) or \
            not isinstance(b, (int, float)):
        return False
    if isinstance(a, int) and isinstance(b, int):
        return False
    return abs(a - b) <= 1e-12 * max(abs(a), abs(b), 1)


def same(a, b):
    """near(), and numbers do not turn into booleans (True == 1 in Python)."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return isinstance(a, bool) == isinstance(b, bool) and near(a, b)


def sort_key(row):
    """Rows that are equal but for the last digits come to the same place."""
    def rounded(x):
        if isinstance(x, list):
            return [rounded(v) for v in x]
        if isinstance(x, dict):
            return {k: rounded(v) for k, v in x.items()}
        return float(f"{x:.8g}") if isinstance(x, float) else x
    return json.dumps(rounded(row), sort_keys=True)


def rows_of(reply):
    if "data" in reply:  # as: columns
        return list(map(list, zip(*reply["data"])))
    return reply.get("rows", reply.get("values"))


def types_of(reply, wide):
    types = reply.get("types", [])
    return [SAME_TYPE.get(t, t) for t in types] if wide else types


def differing(a, b, ordered, wide=True):
    """The first word on how two successful replies differ, or None."""
    if a.keys() != b.keys():
        return "keys of the reply"
    for key in a.keys() - {"rows", "values", "data", "types", "columns"}:
        if not same(a[key], b[key]):
            return key
    if a.get("columns") != b.get("columns"):
        return "columns"
    if types_of(a, wide) != types_of(b, wide):
        return "types"
    x, y = rows_of(a), rows_of(b)
    if x is None or y is None:
        return None
    if len(x) != len(y):
        return "number of rows"
    if same(x, y):
        return None
    if ordered:
        return "order of rows" if same(sorted(x, key=sort_key), sorted(y, key=sort_key)) \
            else "rows"
    return None if same(sorted(x, key=sort_key), sorted(y, key=sort_key)) else "rows"


def code_of(reply):
    return reply["error"]["code"] if "error" in reply else None


def without_refusals(names, replies):
    """[(database, reply)] that were not refused, and the reasons of those that were."""
    taken, reasons = [], []
    for db, reply in zip(names, replies):
        if code_of(reply) == "unsupported_feature" or \
                code_of(reply) and "15 digits" in reply["error"]["message"]:
            reasons.append((db, reply["error"]["message"]))
        else:
            taken.append((db, reply))
    return taken, reasons


def verdict(names, replies, ordered, risky):
    taken, reasons = without_refusals(names, replies)
    found = among(taken, ordered, risky) if taken else None
    if found is not None and found.what in ("differs", "invalid"):
        return found
    if reasons:
        where = "all" if len(reasons) == len(names) else " ".join(db for db, _ in reasons)
        return Verdict("refused", f"{where}: {reasons[0][1]}")
    return found


def among(taken, ordered, risky):
    codes = {db: code_of(reply) for db, reply in taken}
    kinds = set(codes.values())
    if kinds == {None}:
        first = taken[0]
        for db, reply in taken[1:]:
            how = differing(first[1], reply, ordered, "sqlite" in (first[0], db))
            if how:
                return Verdict("differs", f"{how}: {first[0]} and {db}")
        return Verdict("equal")
    for _, reply in taken:
        if reply.get("error", {}).get("class") in ("compile", "protocol"):
            if len(kinds) == 1:
                return Verdict("invalid", reply["error"]["message"])
    if len(kinds) == 1:
        return Verdict("equal", next(iter(kinds)))
    if risky and (kinds <= DATA_ERRORS | {None} or kinds <= DATA_ERRORS | {"no_result"} or
                  kinds <= INTEGRITY_ERRORS):
        return Verdict("either")
    return Verdict("differs", "errors: " + ", ".join(f"{db} {code}" for db, code in codes.items()))


class Counts:
    """What became of the statements of a run."""

    def __init__(self):
        self.what = collections.Counter()
        self.refusals, self.invalid, self.errors = (collections.Counter() for _ in range(3))
        self.seeds = {}  # the first seed of each reason

    def add(self, v, seed=0):
        self.what[v.what] += 1
        self.seeds.setdefault(v.why, seed)
        if v.what == "refused":
            self.refusals[v.why] += 1
        elif v.what == "invalid":
            self.invalid[v.why] += 1
        elif v.what == "equal" and v.why:
            self.errors[v.why] += 1

    def answered(self):
        return 100 * (1 - (self.what["refused"] + self.what["invalid"]) /
                      max(1, sum(self.what.values())))
