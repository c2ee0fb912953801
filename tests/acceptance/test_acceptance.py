# SPDX-License-Identifier: MIT
"""Every case of the JSON files here, through the real daemon on each database.

A case is {item, title, request, …} and one or more of:
  rows (+ ordered)            the rows of the reply; as a set with repeats unless ordered
  value, values, data         what `expect` or `as` asks for instead of rows
  columns                     the names in the reply
  error                       members that the error must have
  near                        floating point numbers may differ in their last digits
  refused                     databases that answer unsupported_feature instead
A case that writes is {item, title, steps: [{request, reply}…]}: requests in order on a
copy of its own, and members that each reply must have.
The tables are those of the fixture (tests/integration/fixture.py).
"""
import json
import os

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


def load_cases(kind):
    for name in sorted(os.listdir(HERE)):
        if name.endswith(".json"):
            with open(os.path.join(HERE, name), encoding="utf-8") as f:
                for case in filter(lambda c: kind in c, json.load(f)):
                    yield pytest.param(case, id=f"{case['item']}-{case['title']}".replace(" ", "_"))


def as_bag(rows):
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def same_numbers(x):
    """25 and 25.0 are one number of JSON; strings and booleans stay what they are."""
    if isinstance(x, list):
        return [same_numbers(v) for v in x]
    return float(x) if isinstance(x, int) and not isinstance(x, bool) else x


def check_rows(case, reply):
    want, got = same_numbers(case["rows"]), same_numbers(reply["rows"])
    if case.get("near"):
        assert got == [pytest.approx(row, rel=1e-12) for row in want]
        return
    if not case["ordered"]:
        want, got = as_bag(want), as_bag(got)
    assert got == want
    assert reply["rowcount"] == len(case["rows"])
    width = len(reply["columns"])
    assert len(reply["types"]) == width
    assert all(len(row) == width for row in reply["rows"])


@pytest.mark.parametrize("case", load_cases("request"))
def test_case(case, client, db):
    reply = client.ask(case["request"])
    if db.kind in case.get("refused", ()):
        assert reply["error"]["code"] == "unsupported_feature", reply
        return
    if "error" in case:
        for key, want in case["error"].items():
            assert reply["error"][key] == want, reply
        return
    assert "error" not in reply, reply
    if "rows" in case:
        check_rows(case, reply)
    for key in ("value", "values", "data", "columns"):
        if key in case:
            assert reply[key] == case[key], reply


def check_members(want, got):
    for key, value in want.items():
        if isinstance(value, dict):
            check_members(value, got.get(key, {}))
        else:
            assert got.get(key) == value, got


@pytest.mark.parametrize("case", load_cases("steps"))
def test_write(case, fresh_db):
    with fresh_db.client() as client:
        for step in case["steps"]:
            reply = client.ask(step["request"])
            assert "error" not in reply or "error" in step["reply"], reply
            check_members(step["reply"], reply)
