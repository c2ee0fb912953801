# SPDX-License-Identifier: MIT
"""Transactions and the schema: what they change of it themselves, and what others do."""
import pytest
from test_transactions import BEGIN, COMMIT, OK, ROLLBACK, savepoint

ddl = pytest.mark.parametrize("server", ["postgresql", "sqlite"], indirect=True)
ONE = {"size": 1, "max_overflow": 0}
T2 = {"select": ["*"], "from": "t2"}


def text(sql):
    return {"query": {"text": sql}, "tx": "t"}


def good(c, *requests):
    c.send(*requests)
    got = c.recv_many(len(requests))
    assert [g for g in got if "error" in g] == []
    return got[-1]


@pytest.fixture
def one(make_db):
    """One connection: what is not seen over it waits for ever."""
    return make_db(settings={"pool": {**ONE, "timeout": "10s"}})


@pytest.fixture
def c(one):
    with one.client() as client:
        yield client


@ddl
def test_a_transaction_sees_what_it_made(c, one):
    rows = {"query": {"insert": "t2", "rows": [{"a": 1}]}, "tx": "t"}
    assert good(c, BEGIN, text("create table t2 (a integer primary key)"), rows,
                {"query": T2, "tx": "t"})["rows"] == [[1]]
    got = good(c, text("alter table t2 add column b text"), {"query": T2, "tx": "t"})
    assert got["columns"] == ["a", "b"] and got["rows"] == [[1, None]]
    assert good(c, COMMIT) == OK
    with one.client() as other:
        assert other.query(T2)["rows"] == [[1, None]]


@ddl
def test_a_batch_that_makes_what_it_fills(c, one):
    steps = [{"query": {"text": "create table t2 (a integer primary key)"}},
             {"query": {"insert": "t2", "rows": [{"a": 1}]}}, {"query": T2}]
    error = c.fails({"op": "batch", "steps": [*steps, steps[1]]}, "unique_violation")
    assert error["step"] == 3
    c.fails({"query": T2}, "unknown_table")
    assert c.ask({"op": "batch", "steps": steps})["results"][2]["rows"] == [[1]]
    with one.client() as other:
        assert other.query(T2)["rows"] == [[1]]


@ddl
def test_a_client_that_leaves_while_a_catalog_is_read(make_db):
    """Wherever it is met, nothing of it is left."""
    db = make_db(settings={"pool": {"size": 2, "max_overflow": 0}})
    for i in range(12):
        with db.client() as gone:
            gone.send(BEGIN, text(f"create table t{i + 2} (a integer)"),
                      {"query": {"select": ["*"], "from": f"t{i + 2}"}, "tx": "t"})
            gone.recv_many(1 + i % 2)
    with db.client() as c:
        good(c, BEGIN, text("create table t2 (a integer)"), {"query": T2, "tx": "t"}, COMMIT)
        c.fails({"query": {"select": ["*"], "from": "t3"}}, "unknown_table")


@ddl
def test_nobody_else_sees_it_before_the_commit(make_db):
    db = make_db(settings={"pool": {"size": 4}})
    with db.client() as c, db.client() as other:
        good(c, BEGIN, text("create table t2 (a integer)"), {"query": T2, "tx": "t"})
        other.fails({"query": T2}, "unknown_table")
        good(c, COMMIT)
        assert other.query(T2)["rows"] == []
        good(c, BEGIN, text("alter table t2 add column b text"), {"query": T2, "tx": "t"})
        if db.kind == "sqlite":  # PostgreSQL lets nobody read what is being altered
            assert other.query(T2)["columns"] == ["a"]
        good(c, COMMIT)
        assert other.query(T2)["columns"] == ["a", "b"]


@ddl
def test_what_is_undone_is_not_known_any_more(c):
    good(c, BEGIN, text("create table t2 (a integer)"), {"query": T2, "tx": "t"}, ROLLBACK)
    c.fails({"query": T2}, "unknown_table")
    good(c, BEGIN, text("create table t2 (a integer)"), savepoint("s"),
         text("alter table t2 add column b text"), {"query": T2, "tx": "t"},
         savepoint("s", "rollback_to"))
    assert good(c, {"query": T2, "tx": "t"})["columns"] == ["a"]
    assert good(c, savepoint("s", "rollback_to"), text("drop table t2"), savepoint("u")) == OK
    c.fails({"query": T2, "tx": "t"}, "unknown_table")
    assert good(c, savepoint("u", "rollback_to"), COMMIT) == OK
    c.fails({"query": T2}, "unknown_table")


@ddl
def test_a_commit_tells_other_connections(c, one):
    """The table is known before, so nobody would look for a column that went."""
    good(c, {"query": {"text": "create table t2 (a integer, b integer)"}}, {"query": T2},
         BEGIN, text("alter table t2 drop column b"), COMMIT)
    with one.client() as other:
        assert other.query(T2)["columns"] == ["a"]


@pytest.mark.parametrize("server", ["postgresql", "mariadb"], indirect=True)
def test_a_table_that_somebody_else_made(c, one):
    """Read over the transaction's own connection: there is no other."""
    good(c, {"query": {"select": ["id"], "from": "tags"}}, BEGIN)
    one.sql("CREATE TABLE t2 (a integer)")
    assert good(c, {"query": T2, "tx": "t"})["rows"] == []
    assert good(c, COMMIT) == OK
    assert c.query(T2)["rows"] == []


def test_a_name_that_is_not_there_fails_at_once(c):
    good(c, BEGIN, savepoint("s"))
    c.fails({"query": T2, "tx": "t"}, "unknown_table")
    c.fails({"query": {"select": ["id"], "from": "tags"}, "tx": "t"}, "tx_aborted")
    assert good(c, savepoint("s", "rollback_to"),
                {"query": {"select": ["id"], "from": "tags"}, "tx": "t"}, COMMIT) == OK


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
def test_mariadb_would_commit(c):
    good(c, BEGIN)
    error = c.fails(text("create table t2 (a integer)"), "unsupported_feature")
    assert error["path"] == "/query/text" and "without tx" in error["hint"]
    c.fails(COMMIT, "tx_aborted")
    c.fails({"query": T2}, "unknown_table")
