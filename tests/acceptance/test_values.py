# SPDX-License-Identifier: MIT
"""Questions to columns of dates, times and json: values/<area>.json, each on every
database, on a table of extremes that is made here.

A case is {title, query, rows} (rows in their order) or {title, query, error: {…}}, with
`params` where it has some. `refused` names databases that must answer
unsupported_feature instead.
"""
import glob
import json
import os

import pytest
from conftest import Db

HERE = os.path.dirname(os.path.abspath(__file__))

TABLE = """
CREATE TABLE extremes (id INTEGER NOT NULL, d DATE, ts {timestamp}, t TIME, j {json},
  n INTEGER, num NUMERIC(12,3), PRIMARY KEY (id));
"""
ROWS = [
    (1, "2024-02-29", "2024-02-29 23:59:59.123456", "12:34:56", {
        "a": {"b": [1, 2.50, "x", True, None, {"c": "é😀"}]}, "a.b": "dot", "q\"k": "quote",
        "$": "dollar", "u": "it's", "n": None, "f": 1.0, "t": True, "": "empty",
        "back\\slash": 1, "0": "zero", "big": 123456789012345678}, 1, "1.5"),
    (2, "0001-01-01", "0001-01-01 00:00:00.000000", "00:00:00", [1, [2, 3], {"k": "v"}], 2,
     "-2.25"),
    (3, "9999-12-31", "9999-12-31 23:59:59.999999", "23:59:59", "text", None, "0"),
    (4, None, None, None, None, 4, None),
    (5, "2023-01-31", "2023-01-31 12:00:00.000000", "01:02:03", "null", 5, "12345.678"),
    (6, "2021-01-03", "1969-12-31 23:59:59.500000", "01:02:03", {}, 6, "99"),
]
TYPES = {
    "postgresql": {"timestamp": "TIMESTAMP", "json": "JSONB"},
    "mariadb": {"timestamp": "DATETIME(6)", "json": "JSON"},
    "sqlite": {"timestamp": "TIMESTAMP", "json": "JSON"},
}


def literal(value, kind):
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    text = "'" + value.replace("'", "''") + "'"
    if kind == "mariadb" and "\\" in text:
        return "_utf8mb4 x'" + value.encode().hex() + "'"
    return text


def script(kind):
    out = [TABLE.format(**TYPES[kind])]
    for row in ROWS:
        # JSON's null is the fifth row's; the fourth has none at all
        document = row[4] if row[4] in (None, "null") else json.dumps(row[4],
                                                                      ensure_ascii=False)
        cells = [literal(v, kind) for v in row[:4] + (document,) + row[5:]]
        out.append(f"INSERT INTO extremes VALUES ({', '.join(cells)});")
    return "\n".join(out)


@pytest.fixture(scope="module")
def extremes(server, copies):
    name = copies(server)
    server.load(script(server.name), name)
    found = Db(server, name)
    yield found
    found.daemon.stop()


def load_cases():
    for path in sorted(glob.glob(os.path.join(HERE, "values", "*.json"))):
        area = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding="utf-8") as f:
            for case in json.load(f):
                yield pytest.param(case, id=f"{area}-{case['title']}".replace(" ", "_"))


@pytest.mark.parametrize("case", load_cases())
def test_case(case, extremes):
    request = {key: case[key] for key in ("query", "params") if key in case}
    reply = extremes.ask(request)
    if extremes.kind in case.get("refused", ()):
        assert reply["error"]["code"] == "unsupported_feature", reply
        return
    if "error" in case:
        for key, want in case["error"].items():
            assert reply["error"].get(key) == want, reply
        return
    assert "error" not in reply, reply
    # the order of an object's members is the database's
    assert json.dumps(reply["rows"], sort_keys=True) == json.dumps(case["rows"],
                                                                   sort_keys=True)
