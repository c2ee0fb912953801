# SPDX-License-Identifier: MIT
"""Every type of "Types on the wire", in and out through each database.

A Kind says how a column is declared where, what goes in and comes out the same,
what comes out otherwise, and what is refused (with any of some codes) before a row
is written.
"""
import base64
import json
import math

import pytest
from fixture import sqlite_run

ALL = ("sqlite", "postgresql", "mariadb")
NUMBER_BAD = [("1", {"type_mismatch"}), (True, {"type_mismatch"}), ([], {"type_mismatch"})]
TEXT_BAD = [(1, {"type_mismatch"}), (True, {"type_mismatch"}), ({"a": 1}, {"type_mismatch"})]
TIME_BAD = [(0, {"type_mismatch"}), ("", {"bad_value"}), ("now", {"bad_value"}),
            ("infinity", {"bad_value"}), ("2024-01-01; drop", {"bad_value"})]


class Kind:
    def __init__(self, wire, ddl, same, other=(), bad=()):
        self.wire = wire if isinstance(wire, dict) else dict.fromkeys(ALL, wire)
        self.ddl = ddl if isinstance(ddl, dict) else dict.fromkeys(ALL, ddl)
        self.same, self.other, self.bad = same, other, bad


LONG = "\u00e4\u20ac\U0001f600'\"\\%_;--/*\n\t\r:p $1 ? {}[] \u2028 \u0007"
EVERY_BYTE = base64.b64encode(bytes(range(256))).decode()
MANY_BYTES = base64.b64encode(bytes(range(256)) * 200).decode()

KINDS = {
    "smallint": Kind("smallint", "SMALLINT", [0, 1, -32768, 32767], (), [
        *NUMBER_BAD, (32768, {"out_of_range"}), (-32769, {"out_of_range"}),
        (1.5, {"type_mismatch", "bad_value"})]),
    "integer": Kind("integer", "INTEGER", [0, -2 ** 31, 2 ** 31 - 1], (), [
        *NUMBER_BAD, (2 ** 63, {"out_of_range"}), (-2 ** 63 - 1, {"out_of_range"})]),
    "bigint": Kind("bigint", "BIGINT", [0, -2 ** 63, 2 ** 63 - 1, 2 ** 53 + 1], (), [
        (2 ** 63, {"out_of_range"}), (-2 ** 63 - 1, {"out_of_range"}),
        (True, {"type_mismatch"})]),
    "numeric": Kind("numeric", "NUMERIC(15,3)",
                    ["0.000", "0.001", "-0.001", "999999999999.999", "-999999999999.999"],
                    [("1", "1.000"), ("1.5", "1.500"), ("-7.10", "-7.100")],
                    [("abc", {"bad_value"}), ("", {"bad_value"}), ("1,5", {"bad_value"}),
                     ("NaN", {"bad_value"}), ("0x10", {"bad_value"}), (True, {"type_mismatch"}),
                     ("1000000000000", {"out_of_range"})]),
    "double": Kind("double", {"sqlite": "DOUBLE", "postgresql": "DOUBLE PRECISION",
                              "mariadb": "DOUBLE"},
                   [0, 0.1, -0.1, 1e-7, 1.7976931348623157e308, 5e-324, 2.2250738585072014e-308,
                    123456789012345.67, 1 / 3], (), [("1", {"type_mismatch", "bad_value"}),
                                                     (True, {"type_mismatch"})]),
    "boolean": Kind("boolean", "BOOLEAN", [True, False], (), [
        (0, {"type_mismatch"}), (1, {"type_mismatch"}), ("true", {"type_mismatch"})]),
    "text": Kind("text", "TEXT", ["", " ", LONG, "null", "true", "1", "x" * 50_000], (),
                 TEXT_BAD),
    "varchar": Kind("varchar", "VARCHAR(5)", ["", "abcde", "\U0001f600" * 5, "e\u0301" * 2], (), [
        ("abcdef", {"too_long"}), ("\U0001f600" * 6, {"too_long"}), *TEXT_BAD]),
    "uuid": Kind("uuid", "UUID",
                 ["00000000-0000-0000-0000-000000000000", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"],
                 [("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
                   "f81d4fae-7dec-11d0-a765-00a0c91e6bf6")],
                 [("f81d4fae", {"bad_value"}), ("", {"bad_value"}), (1, {"type_mismatch"})]),
    "bytes": Kind("bytes", {"sqlite": "BLOB", "postgresql": "BYTEA", "mariadb": "LONGBLOB"},
                  ["", "AA==", "AAA=", "AAAA", EVERY_BYTE, MANY_BYTES], (), [
        ("A", {"bad_value"}), ("AA", {"bad_value"}), ("*AAA", {"bad_value"}),
        (1, {"type_mismatch"})]),
    "date": Kind("date", "DATE", ["0001-01-01", "1969-12-31", "2024-02-29", "9999-12-31"], (), [
        *TIME_BAD, ("2023-02-29", {"bad_value"}), ("2024-13-01", {"bad_value"}),
        ("2024-1-1", {"bad_value"}), ("2024-01-01T00:00:00", {"bad_value"})]),
    "time": Kind("time", {"sqlite": "TIME", "postgresql": "TIME", "mariadb": "TIME(6)"},
                 ["00:00:00", "23:59:59", "23:59:59.999999", "12:00:00.000001"], (), [
        *TIME_BAD, ("25:00:00", {"bad_value"}), ("12:60:00", {"bad_value"})]),
    "timestamp": Kind("timestamp", {"sqlite": "DATETIME", "postgresql": "TIMESTAMP",
                                    "mariadb": "DATETIME(6)"},
                      ["0001-01-01T00:00:00", "1969-12-31T23:59:59.999999",
                       "2024-02-29T12:34:56", "9999-12-31T23:59:59.999999"],
                      [("2024-01-01T00:00:00.500", "2024-01-01T00:00:00.500000")], [
        *TIME_BAD, ("2024-01-01T00:00:00Z", {"bad_value"}),
        ("2024-01-01T00:00:00+02:00", {"bad_value"}), ("2023-02-29T00:00:00", {"bad_value"})]),
    "timestamptz": Kind("timestamptz", {"sqlite": "TIMESTAMPTZ", "postgresql": "TIMESTAMPTZ",
                                        "mariadb": "TIMESTAMP(6) NULL"},
                        ["1970-01-02T00:00:00Z", "2024-02-29T12:34:56.789012Z",
                         "2038-01-18T00:00:00Z"],
                        [("2024-01-01T05:30:00+05:30", "2024-01-01T00:00:00Z"),
                         ("2023-12-31T19:00:00-05:00", "2024-01-01T00:00:00Z")],
                        [*TIME_BAD, ("2024-01-01T00:00:00+25:00", {"bad_value"})]),
    "json": Kind("json", "JSON", [
        {"a": [1, 2.5, {"b": None}], "": "\u00e4\"\\"}, [], {}, [[]], "text", "", 0, -1.5, True,
        False, [None], {"value": None, "x": 1}]),
}


def make_table(db):
    """One row of columns for all kinds: id and each kind's name with _c."""
    columns = ", ".join(f"{name}_c {kind.ddl[db.kind]}" for name, kind in KINDS.items())
    tail = " DEFAULT CHARSET=utf8mb4" if db.kind == "mariadb" else ""
    db.sql(f"CREATE TABLE kinds (id INTEGER PRIMARY KEY, {columns}){tail};")


@pytest.fixture(scope="module")
def kinds(server, copies):
    from conftest import Db
    db = Db(server, copies(server))
    make_table(db)
    yield db
    db.daemon.stop()


@pytest.fixture
def c(kinds):
    with kinds.client() as client:
        yield client


def insert(client, column, values, first=1):
    client.query({"delete": "kinds", "where": True})
    rows = [{"id": first + i, column: v} for i, v in enumerate(values)]
    return client.ask({"query": {"insert": "kinds", "rows": ":rows"}, "params": {"rows": rows}})


def read(client, column):
    return client.query({"select": [column], "from": "kinds", "order_by": ["id"]},
                        expect="scalars")["values"]


@pytest.mark.parametrize("name", KINDS)
def test_values_come_back_the_same(c, name):
    kind = KINDS[name]
    values = [*kind.same, None]
    reply = insert(c, name + "_c", values)
    assert reply.get("rowcount") == len(values), reply
    got = read(c, name + "_c")
    assert got == values
    assert [type(g) for g in got if name != "double"] == \
        [type(v) for v in values if name != "double"]


@pytest.mark.parametrize("name", KINDS)
def test_the_type_is_named(kinds, c, name):
    reply = c.query({"select": [name + "_c"], "from": "kinds", "limit": 1})
    assert reply["types"] == [KINDS[name].wire[kinds.kind]]


@pytest.mark.parametrize("name", [n for n, k in KINDS.items() if k.other])
def test_values_take_their_one_form(c, name):
    pairs = KINDS[name].other
    assert "error" not in insert(c, name + "_c", [given for given, _ in pairs])
    assert read(c, name + "_c") == [want for _, want in pairs]


BAD = [pytest.param(name, value, codes, id=f"{name} {json.dumps(value)[:40]}")
       for name, kind in KINDS.items() for value, codes in kind.bad]


@pytest.mark.parametrize("name, value, codes", BAD)
def test_what_does_not_fit_is_refused(c, name, value, codes):
    reply = insert(c, name + "_c", [None, value])
    assert reply["error"]["code"] in codes, reply
    assert reply["error"]["path"].startswith("/params/rows/1"), reply
    assert read(c, "id") == []  # the whole insert is one unit


@pytest.mark.parametrize("name", [n for n in KINDS if n != "json"])
def test_a_value_finds_itself(c, name):
    """`=` and `in` bind with the column's own type."""
    values = [v for v in KINDS[name].same if not isinstance(v, str) or len(v) < 5000]
    insert(c, name + "_c", values)
    for i, value in enumerate(values):
        query = {"select": ["id"], "from": "kinds", "where": ["=", name + "_c", ":v"]}
        found = c.query(query, params={"v": value}, expect="scalars")["values"]
        assert i + 1 in found, value
    query["where"] = ["in", name + "_c", ":v"]
    assert c.query(query, params={"v": values}, expect="count")["value"] == len(values)


def test_the_range_of_integer(kinds, c):
    """SQLite's INTEGER is what it calls its 64 bits; elsewhere it has 32."""
    for value in (2 ** 31, -2 ** 31 - 1):
        reply = insert(c, "integer_c", [value])
        if kinds.kind == "sqlite":
            assert reply.get("rowcount") == 1 and read(c, "integer_c") == [value]
        else:
            assert reply["error"]["code"] == "out_of_range", reply


def test_numbers_keep_their_digits(c):
    """As text on the wire, not only after Python's reading."""
    digits = ["9223372036854775807", "-9223372036854775808", "9007199254740993"]
    c.query({"delete": "kinds", "where": True})
    for i, d in enumerate(digits):
        c.send_raw(f'{{"query":{{"insert":"kinds","rows":[{{"id":{i},"bigint_c":{d}}}]}}}}\n'
                   .encode())
        assert c.recv()["rowcount"] == 1
    c.send({"query": {"select": ["bigint_c"], "from": "kinds", "order_by": ["id"]},
            "expect": "scalars"})
    assert f'"values":[{",".join(digits)}]'.encode() in c.recv_line()


def test_a_json_number_for_a_numeric_is_taken_by_its_digits(c):
    for text, want in (("0.1", "0.100"), ("1e2", "100.000"), ("123456789012.345",) * 2,
                       ("-0.001",) * 2, ("7", "7.000")):
        c.query({"delete": "kinds", "where": True})
        c.send_raw(b'{"query":{"insert":"kinds","rows":[{"id":1,"numeric_c":'
                   + text.encode() + b"}]}}\n")
        assert c.recv().get("rowcount") == 1, text
        assert read(c, "numeric_c") == [want]


def test_doubles_have_their_shortest_text(c):
    assert "error" not in insert(c, "double_c", [0.1, 1e22, 1e-5, 1 / 3])
    c.send({"query": {"select": ["double_c"], "from": "kinds", "order_by": ["id"]},
            "expect": "scalars"})
    values = c.recv_line().split(b'"values":[')[1].split(b"]")[0].decode().split(",")
    assert [float(v) for v in values] == [0.1, 1e22, 1e-5, 1 / 3]
    assert all(len(v) <= len(repr(float(v))) + 2 for v in values), values


def test_infinity_and_nan_or_a_refusal(kinds, c):
    for text in ("NaN", "Infinity", "-Infinity"):
        reply = insert(c, "double_c", [text])
        if kinds.kind == "postgresql" or (kinds.kind == "sqlite" and text != "NaN"):
            assert reply.get("rowcount") == 1, reply
            assert read(c, "double_c") == [text]
        else:
            assert reply["error"]["code"] in ("bad_value", "out_of_range",
                                              "unsupported_feature"), reply


def test_long_numerics(fresh_db):
    """Exact everywhere, or refused: SQLite's numbers end at 15 digits."""
    fresh_db.sql("CREATE TABLE wide (id INTEGER PRIMARY KEY, n NUMERIC(38,10));")
    text = "1234567890123456789012345678.0123456789"
    with fresh_db.client() as c:
        reply = c.ask({"query": {"insert": "wide", "rows": [{"id": 1, "n": text}]}})
        if fresh_db.kind == "sqlite":
            assert reply["error"]["class"] in ("unsupported", "data"), reply
        else:
            assert reply["rowcount"] == 1
            assert c.query({"select": ["n"], "from": "wide"}, expect="scalar")["value"] == text


def test_a_json_null_is_not_an_sql_null(c):
    """In data null is SQL NULL."""
    insert(c, "json_c", [None, []])
    query = {"select": ["id"], "from": "kinds", "where": ["=", "json_c", None]}
    assert c.query(query, expect="scalars")["values"] == [1]


# ---- one database's own ----

@pytest.fixture
def pg(postgresql, copies):
    from conftest import Db
    db = Db(postgresql, copies(postgresql))
    yield db
    db.daemon.stop()
    postgresql.drop(db.name)


def test_postgresql_enum_interval_arrays(pg):
    pg.sql("CREATE TYPE mood AS ENUM ('sad', 'it''s ok');"
           "CREATE TABLE own (id INTEGER PRIMARY KEY, m mood, i INTERVAL, a INTEGER[], t TEXT[]);")
    rows = [{"id": 1, "m": "it's ok", "i": "P1Y2M3DT4H5M6.5S", "a": [1, None, -3],
             "t": ["", "a,b", "{\"}\\", None]},
            {"id": 2, "m": "sad", "i": "PT0S", "a": [], "t": []}, {"id": 3}]
    with pg.client() as c:
        for row in rows:
            assert c.ask({"query": {"insert": "own", "rows": [row]}}).get("rowcount") == 1, row
        reply = c.query({"select": ["id", "m", "i", "a", "t"], "from": "own", "order_by": ["id"]})
        assert reply["types"] == ["integer", "enum", "interval", "array", "array"]
        assert reply["rows"] == [[r.get(k) for k in ("id", "m", "i", "a", "t")] for r in rows]
        for bad in ({"m": "happy"}, {"i": "1 day"}, {"a": ["x"]}, {"a": 1}):
            error = c.fails({"query": {"insert": "own", "rows": [{"id": 9, **bad}]}})
            assert error["class"] in ("data", "compile"), error


def test_postgresql_opaque_types_are_read_as_text_and_not_written(pg):
    pg.sql("CREATE TABLE odd (id INTEGER PRIMARY KEY, ip INET, p POINT, s TSVECTOR);"
           "INSERT INTO odd VALUES (1, '10.0.0.1/8', '(1,2)', 'a b');")
    with pg.client() as c:
        reply = c.query({"select": ["id", "ip", "p", "s"], "from": "odd"})
        assert reply["rows"] == [[1, "10.0.0.1/8", "(1,2)", "'a' 'b'"]]
        assert reply["types"] == ["integer", "opaque", "opaque", "opaque"]
        error = c.fails({"query": {"insert": "odd", "rows": [{"id": 2, "ip": "10.0.0.2"}]}})
        assert error["class"] in ("unsupported", "compile"), error
        assert c.ask({"query": {"insert": "odd", "rows": [{"id": 2}]}})["rowcount"] == 1


def test_postgresql_infinity_is_a_bad_stored_value(pg):
    pg.sql("CREATE TABLE ends (id INTEGER PRIMARY KEY, t TIMESTAMP, d DATE);"
           "INSERT INTO ends VALUES (1, 'infinity', NULL), (2, NULL, '-infinity');")
    with pg.client() as c:
        for column, key in (("t", 1), ("d", 2)):
            error = c.fails({"query": {"select": [column], "from": "ends",
                                       "where": ["=", "id", key]}}, "bad_stored_value")
            assert (error["table"], error["columns"]) == ("ends", [column]), error
        assert c.query({"select": ["id"], "from": "ends"})["rowcount"] == 2


def test_sqlite_loose_values_are_bad_stored_values(sqlite, copies):
    from conftest import Db
    db = Db(sqlite, copies(sqlite))
    sqlite_run(sqlite.path(db.name),
               "CREATE TABLE loose (id INTEGER PRIMARY KEY, i INTEGER, b BOOLEAN, d DATE, t TEXT);"
               "INSERT INTO loose VALUES (1, 'abc', 7, 'soon', x'ff');")
    with db.client() as c:
        for column in ("i", "b", "d", "t"):
            error = c.fails({"query": {"select": [column], "from": "loose"}}, "bad_stored_value")
            assert error["class"] == "data" and error["table"] == "loose", error
            assert error["columns"] == [column]
        assert c.query({"select": ["id"], "from": "loose"})["rows"] == [[1]]
    db.daemon.stop()


def test_mariadb_zero_dates_are_bad_stored_values(mariadb, copies):
    from conftest import Db
    db = Db(mariadb, copies(mariadb))
    db.sql("SET sql_mode = ''; CREATE TABLE zero (id INT PRIMARY KEY, d DATE, t DATETIME(6));"
           "INSERT INTO zero VALUES (1, '0000-00-00', '0000-00-00 00:00:00'),"
           "(2, '2024-00-10', NULL);")
    with db.client() as c:
        for column in ("d", "t"):
            error = c.fails({"query": {"select": [column], "from": "zero"}}, "bad_stored_value")
            assert error["table"] == "zero" and error["columns"] == [column]
        assert c.query({"select": ["id"], "from": "zero"})["rowcount"] == 2
    db.daemon.stop()


def test_mariadb_unsigned_and_enum(mariadb, copies):
    from conftest import Db
    db = Db(mariadb, copies(mariadb))
    db.sql("CREATE TABLE own (id INT UNSIGNED PRIMARY KEY, e ENUM('a','b c'), t TINYINT(1),"
           " f FLOAT) DEFAULT CHARSET=utf8mb4; INSERT INTO own VALUES (4294967295, 'b c', 1, 0.1);")
    with db.client() as c:
        rows = c.rows({"select": ["id", "e", "t", "f"], "from": "own"})
        assert rows[0][:3] == [4294967295, "b c", True]
        assert math.isclose(rows[0][3], 0.1, rel_tol=1e-6)
    db.daemon.stop()
