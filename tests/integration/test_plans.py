# SPDX-License-Identifier: MIT
"""The SQL that is compiled lets the databases use their indexes.

Each case is compiled by the daemon and explained by the database itself, on 20,000
rows with statistics. No function or cast may come between a column and its index.
"""
import json
import sqlite3
import time

import pytest
from daemon import Daemon

ROWS = 20000

TABLES = """
CREATE TABLE things (id BIGINT NOT NULL PRIMARY KEY, small SMALLINT, num INTEGER, big BIGINT,
  code VARCHAR(20) NOT NULL, uid {uuid}, day DATE, at {timestamp}, price NUMERIC(10,2),
  flag BOOLEAN, filler VARCHAR(200));
CREATE TABLE tokens (id INTEGER NOT NULL PRIMARY KEY, small SMALLINT NOT NULL UNIQUE,
  code VARCHAR(20) {exact} NOT NULL UNIQUE, uid {uuid} NOT NULL UNIQUE, filler VARCHAR(200));
CREATE TABLE parts (id INTEGER PRIMARY KEY, thing_id BIGINT, note VARCHAR(200),
  FOREIGN KEY (thing_id) REFERENCES things (id));
INSERT INTO things SELECT n, n % 30000, n, n * 100000, {code}, {uid}, {day}, {at}, n / 100.0,
  n % 2 = 0, {filler} FROM {numbers};
INSERT INTO parts SELECT n, n % 5000 + 1, {filler} FROM {numbers};
INSERT INTO tokens SELECT id, small, code, uid, filler FROM things;
CREATE INDEX ix_small ON things (small);
CREATE INDEX ix_num ON things (num);
CREATE INDEX ix_big ON things (big);
CREATE INDEX ix_uid ON things (uid);
CREATE INDEX ix_day ON things (day);
CREATE INDEX ix_at ON things (at);
CREATE INDEX ix_price ON things (price);
CREATE INDEX ix_code ON things (code {pattern});
CREATE INDEX ix_code_order ON things (code);
CREATE INDEX ix_parts ON parts (thing_id);
"""

WORDS = {
    "postgresql": {
        "uuid": "UUID", "timestamp": "TIMESTAMP", "pattern": "text_pattern_ops", "exact": "",
        "code": "'c' || lpad(n::text, 8, '0')", "uid": "md5(n::text)::uuid",
        "day": "date '2000-01-01' + n", "at": "timestamp '2000-01-01' + n * interval '1 hour'",
        "filler": "repeat('x', 100)", "numbers": f"generate_series(1, {ROWS}) AS n"},
    "mariadb": {
        "uuid": "UUID", "timestamp": "DATETIME(6)", "pattern": "", "exact": "COLLATE utf8mb4_nopad_bin",
        "code": "concat('c', lpad(n, 8, '0'))",
        "uid": "concat(lpad(hex(n), 8, '0'), '-0000-4000-8000-000000000000')",
        "day": "date '2000-01-01' + interval n day",
        "at": "timestamp '2000-01-01 00:00:00' + interval n hour",
        "filler": "repeat('x', 100)", "numbers": f"(SELECT seq AS n FROM seq_1_to_{ROWS}) AS s"},
    "sqlite": {
        "uuid": "UUID", "timestamp": "TIMESTAMP", "pattern": "", "exact": "",
        "code": "'c' || printf('%08d', n)", "uid": "printf('%08x-0000-4000-8000-000000000000', n)",
        "day": "date('2000-01-01', n || ' days')",
        "at": "strftime('%Y-%m-%d %H:%M:%S.000000', '2000-01-01', n || ' hours')",
        "filler": "printf('%.*c', 100, 'x')",
        "numbers": "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c "
                   f"WHERE n < {ROWS}) SELECT n FROM c) AS s"},
}

TABLE_NAMES = ("things", "parts", "tokens")
UID = "00000007-0000-4000-8000-000000000000"


def select(where, **more):
    return {"select": ["filler"], "from": "things", "where": where, **more}


# name: (query, params). A table that is read without its index makes the case fail.
CASES = {
    "key, literal": (select(["=", "id", 7]), {}),
    "key, param": (select(["=", "id", ":p"]), {"p": 7}),
    "key, the other way round": (select(["=", ":p", "id"]), {"p": 7}),
    "key, more than 32 bits": (select(["=", "id", ":p"]), {"p": 3000000000}),
    "smallint": (select(["=", "small", ":p"]), {"p": 7}),
    "smallint, an integer beyond it": (select(["=", "small", ":p"]), {"p": 70000}),
    "integer": (select(["=", "num", ":p"]), {"p": 7}),
    "integer, more than 32 bits": (select(["=", "num", ":p"]), {"p": 3000000000}),
    "bigint": (select(["=", "big", ":p"]), {"p": 700000}),
    "text": (select(["=", "code", ":p"]), {"p": "c00000007"}),
    "uuid": (select(["=", "uid", ":p"]), {"p": UID}),
    "date": (select(["=", "day", ":p"]), {"p": "2001-02-03"}),
    "timestamp": (select(["=", "at", ":p"]), {"p": "2001-02-03T04:00:00"}),
    "numeric": (select(["=", "price", ":p"]), {"p": "12.34"}),
    "numeric, a whole number": (select(["=", "price", ":p"]), {"p": 12}),
    "range": (select([">", "num", ":p"]), {"p": ROWS - 10}),
    "between": (select(["between", "num", ":p", ":q"]), {"p": 10, "q": 20}),
    "between dates": (select(["between", "day", ":p", ":q"]),
                      {"p": "2001-02-03", "q": "2001-02-05"}),
    "prefix": (select(["startswith", "code", ":p"]), {"p": "c0000001"}),
    "in, literals": (select(["in", "num", [1, 2, 3]]), {}),
    "in, param": (select(["in", "num", ":p"]), {"p": [1, 2, 3]}),
    "in, one": (select(["in", "id", ":p"]), {"p": [1]}),
    "in, texts": (select(["in", "code", ":p"]), {"p": ["c00000001", "c00000002"]}),
    "in, subquery": (select(["in", "id", {"select": ["thing_id"], "from": "parts",
                                          "where": ["=", "parts.id", ":p"]}]), {"p": 7}),
    "exists": (select(["and", ["<", "num", ":q"],
                       ["exists", {"select": [1], "from": "parts",
                                   "where": ["=", "thing_id", "things.id"]}]]), {"q": 5}),
    "order and limit": ({"select": ["filler"], "from": "things", "order_by": ["id"],
                         "limit": ":n"}, {"n": 10}),
    "page by key": (select([">", "id", ":p"], order_by=["id"], limit=":n"), {"p": 100, "n": 10}),
    "after, one key": (select(True, order_by=["id"], limit=":n", after={"id": ":p"}),
                       {"p": 19000, "n": 10}),
    "after, backwards": (select(True, order_by=[{"desc": "code"}, {"desc": "id"}], limit=":n",
                                after={"code": ":p", "id": ":q"}),
                         {"p": "c00000900", "q": 900, "n": 10}),
    "after, the second page of some": (
        select([">=", "day", ":d"], order_by=["day", "id"], limit=":n",
               after={"day": ":p", "id": ":q"}),
        {"d": "2054-01-01", "p": "2054-02-03", "q": 19000, "n": 10}),
    "after, to both directions": (
        select(True, order_by=[{"desc": "code"}, "id"], limit=":n",
               after={"code": ":p", "id": ":q"}), {"p": "c00000900", "q": 5, "n": 10}),
    "full join of few rows": (
        {"select": ["w.id", "filler"],
         "from": {"w": {"select": ["id"], "from": "parts", "where": ["<", "id", ":p"]}},
         "join": [{"full": {"t": {"select": ["id", "filler"], "from": "things",
                                  "where": ["between", "id", ":q", ":r"]}},
                   "using": ["id"]}]}, {"p": 5, "q": 3, "r": 8}),
    "join on key": ({"select": ["filler", "note"], "from": "parts", "join": [{"inner": "things"}],
                     "where": ["=", "parts.id", ":p"]}, {"p": 7}),
    "join by using": ({"select": ["filler", "note"], "from": "things",
                       "join": [{"left": {"p": "parts"}, "using": ["id"]}],
                       "where": ["=", "id", ":p"]}, {"p": 7}),
    "and of two": (select(["and", ["=", "num", ":p"], ["=", "flag", True]]), {"p": 7}),
    "list joined to key": ({"select": ["filler"],
                            "from": {"w": {"function": ["unnest", ":p"],
                                           "columns": [{"id": "bigint"}]}},
                            "join": [{"inner": "things", "using": ["id"]}]}, {"p": [1, 2, 3]}),
    "update by key": ({"update": "things", "set": {"num": 1},
                       "where": ["=", "id", ":p"]}, {"p": 7}),
    "delete by key": ({"delete": "parts", "where": ["=", "id", ":p"]}, {"p": 7}),
}

# Literals in the order of the query.
LITERALS = {"key, literal": [7], "in, literals": [1, 2, 3], "update by key": [1]}
# Read along an index from its beginning.
ALONG = {"order and limit"}


@pytest.fixture(scope="module")
def big(server):
    """A loaded database and a daemon on it."""
    name = "plans"
    text = TABLES.format(**WORDS[server.name])
    server.create(name)
    server.load(text, name)
    server.sql("ANALYZE" if server.name != "mariadb" else "ANALYZE TABLE things, parts, tokens", name)
    daemon = Daemon({"main": {"url": server.url(name)}})
    yield server, name, daemon
    daemon.stop()
    server.drop(name)


def bind_values(case, params, binds):
    """(type, value) for each placeholder, as the daemon would send it."""
    out = []
    for b in binds:
        if "literal" in b:
            literals = LITERALS[case]
            value = literals[min(b["literal"], len(literals) - 1)]
        elif "count" in b:
            value = len(params[b["count"]])
        elif "item" in b:
            items = params[b["param"]]
            value = items[min(b["item"], len(items) - 1)]
        else:
            value = params[b["param"]]
        if isinstance(value, str) and case == "prefix":
            value += "%"
        if b["type"] == "timestamp":
            value = value.replace("T", " ")
        out.append((b["type"], value))
    return out


def pg_literal(kind, value):
    if kind == "array":
        element = "text" if isinstance(value[0], str) else "int8"
        return f"{element}[]", "'{" + ",".join(map(str, value)) + "}'"
    return kind, f"'{value}'"


def pg_scans(_case, server, name, sql, values):
    """Tables that are read whole."""
    args = [pg_literal(*v) for v in values]
    types = f"({', '.join(a[0] for a in args)})" if args else ""
    call = f"({', '.join(a[1] for a in args)})" if args else ""
    text = f"PREPARE p{types} AS {sql}; EXPLAIN (FORMAT JSON) EXECUTE p{call};"
    out = server.sql(text, name)
    plan = json.loads(out[out.index("["):out.rindex("]") + 1])
    found = []

    def walk(node):
        if node["Node Type"] == "Seq Scan":
            found.append(node["Relation Name"])
        for child in node.get("Plans", []):
            walk(child)
    walk(plan[0]["Plan"])
    return found


def maria_literal(kind, value):
    if isinstance(value, str):
        return f"CAST('{value}' AS DATE)" if kind == "date" else f"'{value}'"
    return str(value)


def maria_scans(case, server, name, sql, values):
    sets = "".join(f"SET @v{i} = {maria_literal(*v)};" for i, v in enumerate(values))
    if any(kind == "numeric" for kind, _ in values):
        sets = "".join(f"SET @v{i} = CAST({maria_literal(*v)} AS DECIMAL(10,2));"
                       for i, v in enumerate(values))
    quoted = sql.replace("\\", "\\\\").replace("'", "''")
    using = " USING " + ", ".join(f"@v{i}" for i in range(len(values))) if values else ""
    out = server.sql(f"{sets} PREPARE p FROM 'EXPLAIN {quoted}'; EXECUTE p{using};", name)
    rows = [line.split("\t") for line in out.splitlines()]
    # id, select_type, table, type, possible_keys, key, …
    return [r[2] for r in rows if len(r) > 5 and r[2] in TABLE_NAMES and
            (r[3] == "ALL" or (r[3] == "index" and case not in ALONG))]


def sqlite_scans(case, server, name, sql, values):
    connection = sqlite3.connect(server.path(name))
    try:
        connection.execute("PRAGMA case_sensitive_like = ON")
        plan = connection.execute("EXPLAIN QUERY PLAN " + sql, [str(v) if kind == "numeric" else v
                                                               for kind, v in values])
        steps = [row[3] for row in plan]
    finally:
        connection.close()
    scans = [step.removeprefix("SCAN main.") for step in steps]
    return [step.split()[0] for step in scans if step.split()[0] in TABLE_NAMES and
            (" USING " not in step or case not in ALONG)]


SCANS = {"postgresql": pg_scans, "mariadb": maria_scans, "sqlite": sqlite_scans}


def test_a_scan_is_seen(big):
    server, name, daemon = big
    query = select(["=", "filler", ":p"])
    reply = daemon.ask({"op": "compile", "query": query, "params": {"p": "x"}})
    values = bind_values("", {"p": "x"}, reply["binds"])
    assert SCANS[server.name]("", server, name, reply["sql"], values) == ["things"]


@pytest.mark.parametrize("case", CASES)
def test_the_index_is_used(big, case):
    server, name, daemon = big
    query, params = CASES[case]
    reply = daemon.ask({"op": "compile", "query": query, "params": params})
    assert "error" not in reply, reply
    values = bind_values(case, params, reply["binds"])
    scans = SCANS[server.name](case, server, name, reply["sql"], values)
    assert not scans, (server.name, reply["sql"], scans)


# column: three of its values, none of which is the first.
KEYS = {"id": [7, 8, 19000], "small": [7, 8, 19000], "code": ["c00000007", "c00000008", "nothing"],
        "uid": [UID, "00000008-0000-4000-8000-000000000000", UID.replace("7", "9", 1)]}


def fused_values(server, kind, keys, sql):
    """The keys as the daemon sends them: one array, or a list that is filled up."""
    if server.name == "postgresql":
        return [(sql.partition("$1::")[2].rstrip(")"), "{" + ",".join(map(str, keys)) + "}")]
    return [(kind, (keys + keys)[i]) for i in range(sql.count("?"))]


@pytest.mark.parametrize("server", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.parametrize("column", KEYS)
def test_a_fused_read_uses_the_index(big, column):
    server, name, daemon = big
    query = {"select": ["filler"], "from": "tokens", "where": ["=", column, ":p"]}
    reply = daemon.ask({"op": "compile", "query": query, "params": {"p": KEYS[column][0]}})
    assert reply["shares"] == "read", reply
    values = fused_values(server, reply["binds"][0]["type"], KEYS[column], reply["fused"])
    assert not SCANS[server.name]("", server, name, reply["fused"], values), reply["fused"]


def test_the_first_requests_share_one_reading_of_the_catalog(fresh_db):
    """Those that come while it is being read do not wait for another, which rests a second
    before it begins and has to find a connection of its own then."""
    clients = [fresh_db.client() for _ in range(40)]
    try:
        for c in clients:
            c.send({"query": {"select": [["count", "*"]], "from": "users"}, "expect": "scalar"})
            time.sleep(0.005)  # so that some come while it is being read
        assert [c.recv() for c in clients] == [{"value": 6}] * 40
        time.sleep(1.5)
        assert fresh_db.daemon.log().count("catalog read") == 1
    finally:
        for c in clients:
            c.close()
