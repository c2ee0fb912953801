# SPDX-License-Identifier: MIT
"""Transactions and their limits: connections, time, cancels, and what is counted."""
import signal

import pytest
from test_transactions import BEGIN, COMMIT, OK, ROLLBACK, code, numbers, put

ONE = {"size": 1, "max_overflow": 0}


def counts(db):
    return db.daemon.stats()["transactions"]


def test_the_first_request_of_all_is_a_begin(make_db):
    """It holds the only connection, so the catalog must be there before it."""
    db = make_db(settings={"pool": {**ONE, "timeout": "10s"}})
    with db.client() as c:
        c.send(BEGIN, put(1000, tx="t"), COMMIT, numbers())
        got = c.recv_many(4)
        assert [code(g) for g in got] == [None] * 4
        assert got[3]["values"] == [1000]


def test_what_is_counted(make_db):
    db = make_db()
    with db.client() as c, db.client() as gone:
        c.send(BEGIN, COMMIT, BEGIN, ROLLBACK, BEGIN, put(1, tx="t"), COMMIT,
               {**BEGIN, "db": "nowhere"}, COMMIT)
        assert [code(g) for g in c.recv_many(9)] == [
            None, None, None, None, None, "unique_violation", "tx_aborted",
            "unknown_database", "unknown_tx"]
        assert gone.ask(BEGIN) == OK
        now = counts(db)
        assert now.pop("oldest_ms") >= 0
        assert now == {"open": 1, "begun": 4, "committed": 1, "rolled_back": 2, "aborted": 1,
                       "timeouts": 0}
    db.daemon.wait_until(lambda: counts(db) == {
        "open": 0, "oldest_ms": 0, "begun": 4, "committed": 1, "rolled_back": 3, "aborted": 1,
        "timeouts": 0}, "counts the client that left")


@pytest.mark.parametrize("limit", ["tx_idle", "tx_total"])
def test_time_is_over_between_two_requests(make_db, limit):
    db = make_db(conf={"limits": {limit: "300ms"}}, settings={"pool": ONE})
    with db.client() as c:
        assert c.ask(BEGIN) == OK
        c.query(put(1000)["query"], tx="t")
        assert c.recv() == {"push": "tx_timeout", "tx": "t"}
        c.fails(put(1001, tx="t"), "tx_timeout")
        assert c.ask(numbers())["values"] == []
        assert c.ask(ROLLBACK) == OK
        assert counts(db)["timeouts"] == 1


SLEEP = {"postgresql": "select pg_sleep(60)", "mariadb": "select sleep(60)"}


@pytest.mark.parametrize("server", SLEEP, indirect=True)
def test_tx_total_is_over_in_a_statement(make_db):
    db = make_db(conf={"limits": {"tx_total": "1s"}}, settings={"pool": ONE})
    with db.client() as c:
        c.ask(numbers())
        assert c.ask(BEGIN) == OK
        c.query(put(1000)["query"], tx="t")
        c.send({"query": {"text": SLEEP[db.kind]}, "tx": "t"})
        got = c.recv_many(2)
        assert {"push": "tx_timeout", "tx": "t"} in got
        assert "tx_timeout" in [code(g) for g in got]
        c.fails(COMMIT, "tx_timeout")
        assert c.ask(numbers())["values"] == []


@pytest.mark.parametrize("server", SLEEP, indirect=True)
@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_a_statement_that_is_stopped_fails_the_transaction(make_db, how):
    db = make_db(settings={"pool": ONE})
    sleep = {"id": 1, "query": {"text": SLEEP[db.kind]}, "tx": "t"}
    with db.client() as c:
        assert c.ask(BEGIN) == OK
        c.query(put(1000)["query"], tx="t")
        if how == "cancel":
            c.send(sleep, {"id": 2, "op": "cancel", "of": 1})
            got = {g["id"]: g for g in c.recv_many(2)}
            assert code(got[2]) is None and code(got[1]) == "cancelled"
        else:
            assert code(c.ask({**sleep, "timeout": "200ms"})) == "timeout"
        c.fails(numbers(tx="t"), "tx_aborted")
        c.fails(COMMIT, "tx_aborted")
        assert c.ask(numbers())["values"] == []


@pytest.mark.parametrize("server", SLEEP, indirect=True)
def test_a_savepoint_saves_from_a_cancel(make_db):
    db = make_db(settings={"pool": ONE})
    with db.client() as c:
        c.send(BEGIN, put(1000, tx="t"), {"op": "savepoint", "tx": "t", "name": "s"},
               {"id": 1, "query": {"text": SLEEP[db.kind]}, "tx": "t"})
        assert [code(g) for g in c.recv_many(3)] == [None] * 3
        c.send({"id": 2, "op": "cancel", "of": 1})
        assert {code(g) for g in c.recv_many(2)} == {None, "cancelled"}
        assert c.ask({"op": "rollback_to", "tx": "t", "name": "s"}) == OK
        assert c.ask(COMMIT) == OK
        assert c.ask(numbers())["values"] == [1000]


def stop(db):
    db.daemon.signal(signal.SIGTERM)
    db.daemon.wait_until(lambda: "stopping" in db.daemon.log(), "stops")


def refuses_begin(c):
    """The workers hear of the stop one after the other."""
    if "error" in (reply := c.ask({**BEGIN, "tx": "u", "read_only": True})):
        assert reply["error"]["code"] == "shutting_down"
        return True
    assert c.ask({**ROLLBACK, "tx": "u"}) == OK
    return False


def test_a_stop_waits_for_what_is_open(make_db):
    """As long as limits.drain; nothing new begins."""
    db = make_db(conf={"limits": {"drain": "30s"}})
    with db.client() as c:
        assert c.ask(BEGIN) == OK
        c.query(put(1000)["query"], tx="t")
        stop(db)
        db.daemon.wait_until(lambda: refuses_begin(c), "begins nothing new")
        c.query(put(1001)["query"], tx="t")
        assert c.ask(COMMIT) == OK
        assert c.at_end() == b""
    assert db.daemon.wait_end() == 0
    assert db.sql("SELECT count(*) FROM tags WHERE id >= 1000").strip() == "2"


def test_a_stop_ends_what_stays_open(make_db):
    db = make_db(conf={"limits": {"drain": "500ms"}})
    with db.client() as c:
        assert c.ask(BEGIN) == OK
        c.query(put(1000)["query"], tx="t")
        stop(db)
        c.at_end(30)
    assert db.daemon.wait_end() == 0
    assert db.sql("SELECT count(*) FROM tags WHERE id >= 1000").strip() == "0"
