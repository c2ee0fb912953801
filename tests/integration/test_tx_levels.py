# SPDX-License-Identifier: MIT
"""Transactions of several clients: isolation levels, reading only, conflicts."""
import time

import pytest
from test_transactions import BEGIN, COMMIT, OK, ROLLBACK, numbers, put

both = pytest.mark.parametrize("server", ["postgresql", "mariadb"], indirect=True)
pg = pytest.mark.parametrize("server", ["postgresql"], indirect=True)
maria = pytest.mark.parametrize("server", ["mariadb"], indirect=True)


def seen_twice(db, begin):
    """How many there are before and after somebody else's commit."""
    with db.client() as c, db.client() as other:
        assert c.ask(begin) == OK
        first = len(c.ask(numbers(tx="t"))["values"])
        other.query(put(2000 + len(other.ask(numbers())["values"]))["query"])
        second = len(c.ask(numbers(tx="t"))["values"])
        assert c.ask(COMMIT) == OK
        return second - first


@both
def test_levels_of_begin(make_db):
    db = make_db()
    assert seen_twice(db, {**BEGIN, "isolation": "read committed"}) == 1
    assert seen_twice(db, {**BEGIN, "isolation": "repeatable read"}) == 0
    assert seen_twice(db, {**BEGIN, "isolation": "repeatable read", "read_only": True}) == 0


@both
@pytest.mark.parametrize("level, seen", [("read committed", 1), ("repeatable read", 0)])
def test_the_level_of_the_conf(make_db, level, seen):
    db = make_db(settings={"isolation": level, "pool": {"size": 2, "max_overflow": 0}})
    other = {0: "read committed", 1: "repeatable read"}[seen]
    assert seen_twice(db, BEGIN) == seen
    assert seen_twice(db, {**BEGIN, "isolation": other}) == 1 - seen
    with db.client() as c:  # a session that is reset has it again
        for _ in range(4):
            assert "error" not in c.ask({"query": {"text": "select 1"}})
    assert seen_twice(db, BEGIN) == seen


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_sqlite_has_one_level(make_db):
    db = make_db(settings={"isolation": "read committed"})
    with db.client() as c, db.client() as other:
        assert c.ask({**BEGIN, "isolation": "read committed", "read_only": True}) == OK
        assert c.ask(numbers(tx="t"))["values"] == []
        other.query(put(1000)["query"])
        assert c.ask(numbers(tx="t"))["values"] == []
        assert c.ask(COMMIT) == OK
        assert c.ask(numbers())["values"] == [1000]


def test_reading_only(make_db):
    db = make_db()
    with db.client() as c:
        assert c.ask({**BEGIN, "read_only": True}) == OK
        assert c.ask(numbers(tx="t"))["values"] == []
        error = c.fails(put(1000, tx="t"), "read_only")
        assert error["path"] == "/query" and error["retry"] is False
        c.fails(numbers(tx="t"), "tx_aborted")
        assert c.ask(ROLLBACK) == OK
        assert c.ask(put(1000))["rowcount"] == 1


WRITES_BEHIND = {
    "for update": {"select": ["id"], "from": "tags", "for": {"update": True}},
    "a function": {"text": "select setval('tags_id_seq', 2000)"},
}


@pg
@pytest.mark.parametrize("what", WRITES_BEHIND)
def test_what_the_database_finds_to_be_a_write(make_db, what):
    """The client's own wish, and no sign of a server that is not the primary any more: its
    sessions stay."""
    db = make_db(settings={"pool": {"size": 1, "max_overflow": 0}})
    with db.client() as c:
        c.ask(numbers())
        before = db.daemon.stats()["databases"]["main"]["pool"]
        assert c.ask({**BEGIN, "read_only": True}) == OK
        assert c.fails({"query": WRITES_BEHIND[what], "tx": "t"}, "read_only")
        assert c.ask(ROLLBACK) == OK
        assert c.ask(put(1000))["rowcount"] == 1
        after = db.daemon.stats()["databases"]["main"]["pool"]
        assert (after["opened"], after["closed"]) == (before["opened"], before["closed"])


@maria
def test_what_mariadb_finds_to_be_a_write(make_db):
    """Error 1792."""
    db = make_db(settings={"functions": ["tick"]})
    db.sql("CREATE TABLE ticks (n integer)")
    db.sql("DELIMITER //\nCREATE FUNCTION tick() RETURNS integer MODIFIES SQL DATA "
           "BEGIN INSERT INTO ticks VALUES (1); RETURN 1; END//\n")
    with db.client() as c:
        assert c.ask({**BEGIN, "read_only": True}) == OK
        c.fails({"query": {"text": "select tick()"}, "tx": "t"}, "read_only")
        assert c.ask(ROLLBACK) == OK


def add(account):
    return {"tx": "t", "query": {"update": "accounts", "set": {"balance": ["+", "balance", 1]},
                                 "where": ["=", "id", account]}}


@pg
def test_a_deadlock_ends_one_of_two(make_db):
    db = make_db()
    with db.client() as a, db.client() as b:
        for c, own in ((a, 1), (b, 2)):
            assert c.ask(BEGIN) == OK
            assert c.ask(add(own))["rowcount"] == 1
        a.send(add(2))
        time.sleep(0.3)
        b.send(add(1))
        replies = {a: a.recv(), b: b.recv()}
        victim = [c for c in (a, b) if "error" in replies[c]]
        assert len(victim) == 1, replies
        error = replies[victim[0]]["error"]
        assert error["code"] == "deadlock" and error["retry"] is True, error
        victim[0].fails(COMMIT, "tx_aborted")
        assert (b if victim[0] is a else a).ask(COMMIT) == OK


@pg
def test_a_commit_that_is_not_serializable(make_db):
    """It may be begun again."""
    db = make_db()
    count = {"query": {"select": [["sum", "balance"]], "from": "accounts"}, "tx": "t"}
    with db.client() as a, db.client() as b:
        for c in (a, b):
            assert c.ask({**BEGIN, "isolation": "serializable"}) == OK
            assert "rows" in c.ask(count)
        assert a.ask(add(1))["rowcount"] == 1
        assert b.ask(add(2))["rowcount"] == 1
        assert a.ask(COMMIT) == OK
        assert b.fails(COMMIT, "serialization_failure")["retry"] is True
        b.fails(COMMIT, "unknown_tx")
        assert b.ask(BEGIN) == OK and "error" not in b.ask(add(2)) and b.ask(COMMIT) == OK


@both
def test_a_level_that_is_said_once_is_not_kept(make_db):
    """Of two transactions on one session only the first is serializable."""
    db = make_db(settings={"pool": {"size": 1, "max_overflow": 0}})
    level = "show transaction_isolation" if db.kind == "postgresql" else \
        "select @@tx_isolation"
    with db.client() as c:
        ask = {"query": {"text": level}, "expect": "scalar", "tx": "t"}
        own = {"postgresql": "read committed", "mariadb": "REPEATABLE-READ"}[db.kind]
        assert c.ask({**BEGIN, "isolation": "serializable"}) == OK
        assert c.ask(COMMIT) == OK
        assert c.ask(BEGIN) == OK
        assert c.ask(ask)["value"] == own
        assert c.ask(COMMIT) == OK
