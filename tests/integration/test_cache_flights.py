# SPDX-License-Identifier: MIT
"""Reads that miss at the same time: one of them reads, and what becomes of the others
when that one fails, is cancelled or goes away.

The database is paused while they come, so that nothing depends on how fast it is: who
reads waits for a connection, and the others for who reads.
"""
import contextlib

import pytest

ONE = {"select": ["id", "name"], "from": "users", "where": ["=", "id", 1]}
ROW = [[1, "Ahmad"]]
MANY = 40


@pytest.fixture
def db(make_db):
    """Each read that waits for a connection stands in the queue by itself."""
    return make_db(settings={"pool": {"pipelining": "off"}}, conf={
        "workers": 2, "cache": {"regions": {
            "default": {}, "soft": {"ttl": "1h", "soft_ttl": "1ms", "lease": "1h"},
            "lease": {"ttl": "1h", "soft_ttl": "1ms", "lease": "20ms"}}}})


@contextlib.contextmanager
def paused(db):
    """Nobody gets a connection inside."""
    with db.client() as admin:
        admin.ask({"query": ONE})  # there is a catalog
        assert admin.ask({"op": "pause"})["state"] == "paused"
        try:
            yield
        finally:
            admin.ask({"op": "resume"})


@contextlib.contextmanager
def clients(db, count):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(db.client()) for _ in range(count)]


def cache(db):
    return db.daemon.stats()["cache"]


def until(db, what, condition):
    db.daemon.wait_until(condition, what)


def waiting_for_a_connection(db):
    return db.daemon.stats()["databases"]["main"]["pool"]["waiting"]


def start(db, c, request, readers=1):
    """Sends what will read, and waits until it stands in the pool's queue."""
    c.send({"cache": True, **request})
    until(db, "it reads", lambda: waiting_for_a_connection(db) == readers)


def follow(db, followers, request, waiting=None):
    for c in followers:
        c.send({"cache": True, **request})
    until(db, "they wait", lambda: cache(db)["waiting"] ==
          (len(followers) if waiting is None else waiting))


def test_many_misses_are_one_read(db):
    with clients(db, MANY) as (first, *others):
        with paused(db):
            start(db, first, {"query": ONE})
            follow(db, others, {"query": ONE})
            lent = db.daemon.stats()["databases"]["main"]["pool"]["lent"]
        for c in (first, *others):
            reply = c.recv()
            assert reply["cache"] == "miss" and reply["rows"] == ROW
        assert db.daemon.stats()["databases"]["main"]["pool"]["lent"] == lent + 1
        figures = db.daemon.region()
        assert (figures["fills"], figures["joined"]) == (1, MANY - 1)
        assert cache(db)["waiting"] == 0
        assert first.query(ONE, cache=True)["cache"] == "hit"


def test_those_who_wait_have_replies_of_their_own(db):
    """An id, a form that is not asked for: one result, written to each in its own way."""
    with clients(db, 4) as (a, b, c, d):
        with paused(db):
            start(db, a, {"query": ONE, "id": 7})
            follow(db, [b, c], {"query": ONE, "id": "x"})
            d.send({"query": ONE, "cache": True, "as": "objects"})  # another result
            until(db, "it reads", lambda: waiting_for_a_connection(db) == 2)
        assert a.recv()["id"] == 7
        assert [b.recv()["id"], c.recv()["id"]] == ["x", "x"]
        assert d.recv()["rows"] == [{"id": 1, "name": "Ahmad"}]


WRITER = """
CREATE FUNCTION hit() RETURNS int LANGUAGE plpgsql VOLATILE AS
  'BEGIN UPDATE users SET name = name || ''!'' WHERE id = 1; RETURN 1; END';
CREATE VIEW hits AS SELECT hit() AS n;
"""


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_what_may_write_is_run_for_everybody(make_db):
    db = make_db(conf={"cache": {"regions": {"default": {}}}},
                 settings={"touches": {"hits": ["users"]}})
    db.sql(WRITER)
    asks = [{"query": {"text": "select hit()"}, "cache": {"tags": ["t"]}},
            {"query": {"select": ["n"], "from": "hits"}, "cache": True}]
    with clients(db, 6) as all_of_them:
        with paused(db):
            for i, c in enumerate(all_of_them):
                c.send(asks[i % 2])
            until(db, "all of them read", lambda: waiting_for_a_connection(db) == 6)
        for c in all_of_them:
            reply = c.recv()
            assert (reply["cache"], reply["rows"]) == ("bypass", [[1]])
        assert all_of_them[0].ask({"query": ONE})["rows"] == [[1, "Ahmad!!!!!!"]]


def test_a_failure_is_everybodys_and_the_next_tries_again(db):
    wrong = {"query": {"select": [{"x": ["/", 1, ["-", "id", "id"]]}], "from": "users"}}
    with clients(db, 5) as (first, *others):
        with paused(db):
            start(db, first, wrong)
            follow(db, others, wrong)
        errors = [c.recv()["error"] for c in (first, *others)]
        assert errors[0]["code"] == "division_by_zero"
        assert all(e == errors[0] for e in errors)
        assert db.daemon.region()["failed"] == 1 and db.daemon.region()["fills"] == 0
        first.fails({**wrong, "cache": True}, "division_by_zero")
        assert db.daemon.region()["failed"] == 2
        assert db.daemon.stats()["errors"]["by_class"]["data"] == 6


@pytest.mark.parametrize("how", ["cancel", "timeout", "reset"])
def test_who_goes_away_takes_nobody_along(db, how):
    """Another one reads in its place, for all who are left."""
    with clients(db, 6) as (first, *others):
        with paused(db):
            timeout = {"timeout": "1s"} if how == "timeout" else {}
            start(db, first, {"query": ONE, "id": 1, **timeout})
            follow(db, others, {"query": ONE})
            if how == "reset":
                first.break_off()
            elif how == "cancel":
                first.send({"op": "cancel", "of": 1})
            until(db, "another one reads",
                  lambda: cache(db)["waiting"] == len(others) - 1
                  and waiting_for_a_connection(db) == 1)
            if how == "cancel":
                replies = first.recv_many(2)
                assert [r["error"]["code"] for r in replies if "error" in r] == ["cancelled"]
            elif how == "timeout":
                assert first.recv()["error"]["code"] == "timeout"
        for c in others:
            assert c.recv()["rows"] == ROW
        assert db.daemon.region()["fills"] == 1


@pytest.mark.parametrize("how", ["cancel", "timeout", "reset"])
def test_who_waits_may_go_away(db, how):
    with clients(db, 4) as (first, second, third, goes):
        with paused(db):
            start(db, first, {"query": ONE})
            follow(db, [second, third], {"query": ONE})
            timeout = {"timeout": "1s"} if how == "timeout" else {}
            follow(db, [goes], {"query": ONE, "id": 1, **timeout}, waiting=3)
            if how == "reset":
                goes.break_off()
            elif how == "cancel":
                goes.send({"op": "cancel", "of": 1})
            until(db, "it has left", lambda: cache(db)["waiting"] == 2)
            if how == "cancel":
                replies = goes.recv_many(2)
                assert [r["error"]["code"] for r in replies if "error" in r] == ["cancelled"]
            elif how == "timeout":
                assert goes.recv()["error"]["code"] == "timeout"
        for c in (first, second, third):
            assert c.recv()["rows"] == ROW


def test_all_go_away(db):
    with clients(db, 5) as (first, *others):
        with paused(db):
            start(db, first, {"query": ONE})
            follow(db, others, {"query": ONE})
            for c in (first, *others):
                c.break_off()
            until(db, "nobody is left", lambda: cache(db)["waiting"] == 0
                  and waiting_for_a_connection(db) == 0)
        with db.client() as c:
            reply = c.query(ONE, cache=True)
            assert reply["cache"] == "miss" and reply["rows"] == ROW


def test_who_comes_after_a_write_does_not_join_an_older_read(db):
    """What was read before it must not be told behind it."""
    with clients(db, 3) as (first, late, later):
        with paused(db):
            start(db, first, {"query": ONE})
            db.sql("update users set name = 'new' where id = 1")
            with db.client() as admin:
                admin.ask({"op": "invalidate", "tables": ["users"]})
            start(db, late, {"query": ONE}, readers=2)
            follow(db, [later], {"query": ONE})
        assert all(c.recv()["rows"] == [[1, "new"]] for c in (first, late, later))
        # What the first one read is not kept: it may be older than the write.
        assert db.daemon.region()["fills"] == 1


def test_an_old_one_is_served_while_one_reads_anew(db):
    soft = {"query": ONE, "cache": {"region": "soft"}}
    with clients(db, 3) as (a, b, c):
        assert a.ask(soft)["cache"] == "miss"
        db.sql("update users set name = 'new' where id = 1")
        with paused(db):
            start(db, a, soft)  # behind soft_ttl: it has the lease
            for other in (b, c, b):
                reply = other.ask(soft)
                assert reply["cache"] == "stale" and reply["rows"] == ROW
        fresh = a.recv()
        assert fresh["cache"] == "miss" and fresh["rows"] == [[1, "new"]]
        assert db.daemon.region("soft")["refreshes"] == 1
        assert db.daemon.region("soft")["stale"] >= 3


def test_a_write_ends_what_is_stale(db):
    """Behind soft_ttl an old answer is served; behind a write, never."""
    soft = {"query": ONE, "cache": {"region": "soft"}}
    with clients(db, 2) as (a, b):
        assert a.ask(soft)["cache"] == "miss"
        for i in range(10):
            a.query({"update": "users", "data": {"name": f"n{i}"}, "where": ["=", "id", 1]})
            reply = b.ask(soft)
            assert reply["cache"] == "miss" and reply["rows"] == [[1, f"n{i}"]]


def test_a_lease_has_an_end(db):
    """Who has it and does not come back is replaced."""
    request = {"query": ONE, "cache": {"region": "lease"}}
    with clients(db, 2) as (a, b), contextlib.ExitStack() as stack:
        assert a.ask(request)["cache"] == "miss"
        with paused(db):
            start(db, a, request)

            def asks_until_it_reads():
                """Each time another client, since one that gets the lease has to wait."""
                c = stack.enter_context(db.client())
                c.send(request)
                return db.daemon.region("lease")["refreshes"] >= 2
            until(db, "another one reads", asks_until_it_reads)
        assert a.recv()["rows"] == ROW
        assert b.query(ONE)["rows"] == ROW


def test_without_ids_a_client_sees_its_own_writes(db):
    """Also in one write, where its reads wait for what others read."""
    with db.client() as other, db.client() as c:
        for i in range(10):
            other.send({"query": ONE, "cache": True})
            c.send({"query": ONE, "cache": True},
                   {"query": {"update": "users", "data": {"name": f"n{i}"},
                              "where": ["=", "id", 1]}},
                   {"query": ONE, "cache": True}, {"query": ONE, "cache": True})
            replies = c.recv_many(4)
            assert replies[2]["rows"] == replies[3]["rows"] == [[1, f"n{i}"]]
            other.recv()


@pytest.mark.tsan
def test_readers_and_writers_at_once(db):
    """Each reader sees what was written last, whoever read it."""
    writes = 60
    with clients(db, 9) as (writer, *readers):
        for i in range(writes):
            writer.query({"update": "users", "data": {"name": f"n{i}"},
                          "where": ["=", "id", 1]})
            for n, c in enumerate(readers):
                c.send(*[{"id": k, "query": ONE, "cache": True} for k in range(1 + n % 3)])
            for n, c in enumerate(readers):
                for reply in c.recv_many(1 + n % 3):
                    assert reply["rows"] == [[1, f"n{i}"]], reply
        figures = db.daemon.region()
        assert figures["fills"] <= figures["misses"]
        assert figures["hits"] + figures["misses"] >= writes * 15


def test_a_stop_does_not_wait_for_those_who_wait(db):
    """The drain ends them like any other request."""
    with clients(db, 3) as (first, *others):
        with db.client() as admin:
            admin.ask({"query": ONE})
            admin.ask({"op": "pause"})
            start(db, first, {"query": ONE})
            follow(db, others, {"query": ONE})
        db.daemon.stop()
        for c in (first, *others):
            assert c.recv()["error"]["code"] in ("shutting_down", "drained", "overload")
