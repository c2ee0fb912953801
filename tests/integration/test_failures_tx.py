# SPDX-License-Identifier: MIT
"""Transactions when things break, on real servers. The numbers are those of the list
that the project keeps of failures other systems had."""
import time

import pytest
from client import Client
from conftest import KINDS as ALL
from test_failures_session import ONE, wired  # noqa: F401 (a fixture)

both = pytest.mark.parametrize("server", ["postgresql", "mariadb"], indirect=True)
mariadb = pytest.mark.parametrize("server", ["mariadb"], indirect=True)
every = pytest.mark.parametrize("server", ALL, indirect=True)

BEGIN = {"op": "begin", "tx": "t"}
COMMIT = {"op": "commit", "tx": "t"}
ROLLBACK = {"op": "rollback", "tx": "t"}
TAGS = {"select": [["count", "*"]], "from": "tags"}


def tag(name):
    return {"tx": "t", "query": {"insert": "tags", "rows": [{"name": name}]}}


def add(account, amount):
    return {"tx": "t", "query": {"update": "accounts",
                                 "set": {"balance": ["+", "balance", amount]},
                                 "where": ["=", "id", account]}}


WRONG = {"tx": "t", "query": {"insert": "tags", "rows": [{"id": 1, "name": "twice"}]}}


@pytest.fixture
def begun(make_db):
    """begun(**settings) → a Db that has read its catalog."""
    def make(**settings):
        db = make_db(settings={"pool": {**ONE, "timeout": "10s"}, **settings})
        with db.client() as c:
            c.query(TAGS)
        return db
    return make


def good(c, request, **rest):
    reply = c.ask({**request, **rest})
    assert "error" not in reply, reply
    return reply


def tags(db):
    """How many there are, by way round the daemon: 3 at first."""
    return int(db.sql("SELECT count(*) FROM tags"))


# ---- 1: a client that leaves in the middle ----

LEAVING = {"by a reset": Client.break_off, "by closing": lambda c: c.close(),
           "by saying that it is done": lambda c: (c.shutdown(), c.at_end())}


@pytest.mark.parametrize("server, how", [(s, h) for s in ALL for h in LEAVING],
                         indirect=["server"])
def test_1_a_client_that_leaves_leaves_no_transaction(begun, how):
    """Failure 1. There is one connection: the next client gets the same, finds no
    transaction in it, none of its writes, and none of its locks."""
    db = begun()
    for round_number in range(3):
        gone = db.client()
        good(gone, BEGIN)
        good(gone, tag(f"left {round_number}"))
        good(gone, add(1, 100))
        LEAVING[how](gone)
        with db.client() as c:
            assert c.query(TAGS, expect="scalar")["value"] == 3
            assert c.query({"update": "accounts", "set": {"balance": 7},
                            "where": ["=", "id", 1]})["rowcount"] == 1
    assert tags(db) == 3
    if db.kind == "postgresql":
        left = db.server.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                             f"'{db.name}' AND state LIKE 'idle in%'", "postgres")
        assert left.strip() == "0"


@every
def test_1_leaving_while_a_statement_runs_or_waits(begun):
    """Failure 1. What was sent in one write may be anywhere on its way."""
    db = begun(pool={**ONE, "size": 2})
    for i in range(20):
        gone = db.client()
        gone.send(BEGIN, tag(f"left {i}"), add(1, 100), add(2, -100))
        time.sleep(i * 0.001)
        gone.break_off()
    with db.client() as c:
        assert c.query(TAGS, expect="scalar")["value"] == 3
        for account in (1, 2):
            assert c.query({"update": "accounts", "set": {"balance": 7},
                            "where": ["=", "id", account]})["rowcount"] == 1
    db.daemon.wait_until(
        lambda: db.daemon.stats()["databases"]["main"]["pool"]["busy"] == 0, "has all back", 20)
    assert tags(db) == 3


# ---- 8: COMMIT of a failed transaction ----

@every
def test_8_commit_of_a_failed_transaction_is_an_error(begun):
    """Failure 8. PostgreSQL answers such a COMMIT with success; MariaDB and SQLite would
    commit what went before the fault."""
    db = begun()
    with db.client() as c:
        good(c, BEGIN)
        good(c, tag("before"))
        assert c.fails(WRONG, "unique_violation")
        assert c.fails(tag("behind"), "tx_aborted")
        assert "error" in c.ask(COMMIT)
        assert tags(db) == 3
        good(c, BEGIN)  # the handle is free
        good(c, tag("again"))
        good(c, COMMIT)
    assert tags(db) == 4


@every
def test_8_all_sent_in_one_write(begun):
    """Failure 8. The client does not look before it commits."""
    db = begun()
    with db.client() as c:
        c.send(BEGIN, tag("before"), WRONG, tag("behind"), COMMIT, {"query": TAGS,
                                                                    "expect": "scalar"})
        opened, first, wrong, behind, committed, count = c.recv_many(6)
        assert "error" not in opened and "error" not in first
        assert wrong["error"]["code"] == "unique_violation"
        assert behind["error"]["code"] == "tx_aborted"
        assert "error" in committed, committed
        assert count == {"value": 3}


# ---- 9 to 11: MariaDB ends, or commits, by itself ----

@mariadb
def test_9_nothing_commits_itself_behind_a_deadlock(begun):
    """Failure 9. Error 1213 has rolled the whole transaction back; what follows would be
    on its own, and stay."""
    db = begun(pool={"size": 3})
    with db.client() as a, db.client() as b:
        for c, own in ((a, 1), (b, 2)):
            good(c, BEGIN)
            good(c, tag("before"))
            good(c, add(own, 1))
        a.send(add(2, 1))
        time.sleep(0.3)
        b.send(add(1, 1))
        replies = {a: a.recv(), b: b.recv()}
        lost = [c for c in (a, b) if "error" in replies[c]]
        assert len(lost) == 1, replies
        victim, other = lost[0], a if lost[0] is b else b
        error = replies[victim]["error"]
        assert error["native"] == 1213 and error["retry"] is True, error
        assert victim.fails(tag("behind"), "tx_aborted")
        assert "error" in victim.ask(COMMIT)
        assert tags(db) == 3
        good(other, ROLLBACK)
    assert tags(db) == 3


@mariadb
def test_10_no_commit_of_a_part_behind_a_lock_timeout(begun):
    """Failure 10. Error 1205 undoes the statement alone; COMMIT would keep the rest."""
    db = begun(pool={"size": 3}, on_connect=["set innodb_lock_wait_timeout = 1"])
    with db.client() as holder, db.client() as c:
        for each in (holder, c):
            good(each, BEGIN)
        good(holder, add(1, 1))
        good(c, tag("before"))
        error = c.fails(add(1, 1))
        assert error["native"] == 1205, error
        assert c.fails(tag("behind"), "tx_aborted")
        assert "error" in c.ask(COMMIT)
        assert tags(db) == 3
        good(holder, COMMIT)
    assert tags(db) == 3


@mariadb
@pytest.mark.parametrize("ddl", ["create table t2 (x integer)", "drop table tags",
                                 "alter table tags add column y integer", "truncate table tags",
                                 "/* */ create index i on tags (name)"])
def test_11_ddl_in_a_transaction_is_refused(begun, ddl):
    """Failure 11. It would commit what went before."""
    db = begun()
    with db.client() as c:
        good(c, BEGIN)
        good(c, tag("before"))
        assert "error" in c.ask({"tx": "t", "query": {"text": ddl}})
        assert tags(db) == 3
        good(c, ROLLBACK)
        assert c.query(TAGS, expect="scalar")["value"] == 3


# ---- 12: the connection is lost during COMMIT ----

@both
def test_12_a_commit_whose_answer_is_lost_is_unknown(wired):  # noqa: F811
    """Failure 12. The database has committed, and nobody hears of it."""
    db, wire = wired()
    with db.client() as c:
        c.query(TAGS)
        good(c, BEGIN)
        good(c, tag("kept"))
        wire.cut_after(1)
        assert c.fails(COMMIT, "commit_unknown")["retry"] is False
    assert tags(db) == 4


@both
def test_12_a_commit_that_never_arrives_is_unknown_too(wired):  # noqa: F811
    """Failure 12. From here it looks the same."""
    db, wire = wired()
    with db.client() as c:
        c.query(TAGS)
        good(c, BEGIN)
        good(c, tag("lost"))
        wire.swallow()
        c.send(COMMIT)
        time.sleep(0.3)
        wire.reset()
        wire.swallowing = False
        assert c.recv()["error"]["code"] == "commit_unknown"
    db.daemon.wait_until(lambda: tags(db) == 3, "is rolled back by the server")


# ---- 13: no statement of a transaction is retried alone ----

@both
def test_13_a_statement_is_never_retried_on_another_connection(wired):  # noqa: F811
    """Failure 13. The connection is lost between two statements: the second would be a
    transaction of its own."""
    db, wire = wired(size=3)
    db.ask({"query": TAGS})
    for lose in (wire.reset, lambda: wire.cut_after(0), lambda: wire.cut_after(3)):
        with db.client() as c:
            end = time.monotonic() + 20
            while "error" in (reply := c.ask(BEGIN)):
                assert time.monotonic() < end, reply
                c.ask(ROLLBACK)
                time.sleep(0.05)
            good(c, tag("before"))
            lose()
            time.sleep(0.1)
            assert "error" in c.ask(tag("between"))
            assert c.fails(tag("behind"))
            assert "error" in c.ask(COMMIT)
        db.daemon.wait_until(lambda: tags(db) == 3, "has nothing of it")


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_13_a_stale_plan_is_not_tried_again_within_a_transaction(begun):
    """Failure 13. Outside of one it is prepared again and repeated; here the transaction
    has failed with it."""
    db = begun()
    look = {"query": {"select": ["*"], "from": "tags", "where": ["=", "id", 1]}}
    with db.client() as c:
        for _ in range(3):
            c.query(look["query"])
        good(c, BEGIN)
        good(c, {"tx": "t", "query": {"insert": "accounts",
                                      "rows": [{"id": 77, "balance": 1}]}})
        db.sql("ALTER TABLE tags ALTER COLUMN name TYPE text")
        reply = c.ask({**look, "tx": "t"})
        ended = c.ask(COMMIT)
        assert ("error" in reply) == ("error" in ended), (reply, ended)
        there = int(db.sql("SELECT count(*) FROM accounts WHERE id = 77"))
        assert there == (0 if "error" in ended else 1)
