# SPDX-License-Identifier: MIT
"""Inserts of many clients in one transaction: each is told what became of its own, what was
acknowledged is there once, what failed is not, and whoever waits for a lock holds up nobody.

Groups are made by taking every connection of the pool away until all inserts wait.
"""
import contextlib
import threading
import time

import pytest

here = pytest.mark.parametrize("server", ["postgresql"], indirect=True)
ONE = {"size": 1, "max_overflow": 0, "timeout": "60s"}
TABLES = """
    CREATE TABLE notes (id BIGINT PRIMARY KEY, note TEXT NOT NULL);
    CREATE TABLE logs (id BIGSERIAL PRIMARY KEY, nonce TEXT NOT NULL);
    CREATE TABLE children (id BIGINT PRIMARY KEY, note_id BIGINT NOT NULL REFERENCES notes);
    CREATE FUNCTION nop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE FUNCTION five() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 5; END';
    CREATE TABLE watched (id BIGINT PRIMARY KEY);
    CREATE TRIGGER watch BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION nop();
    CREATE TABLE late (id BIGINT PRIMARY KEY, note_id BIGINT REFERENCES notes
                       DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE coded (id BIGINT PRIMARY KEY, n INTEGER DEFAULT five());
    CREATE TABLE ruled (id BIGINT PRIMARY KEY);
    CREATE RULE none AS ON INSERT TO ruled WHERE NEW.id < 0 DO INSTEAD NOTHING;
    CREATE TABLE parted (id BIGINT PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE parted_1 PARTITION OF parted DEFAULT;
    CREATE TABLE guarded (id BIGINT PRIMARY KEY);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_of_it ON guarded USING (true);"""


@pytest.fixture
def grouped_db(make_db):
    """grouped_db(workers, conf keys…, pool=…) → a Db with the tables; one connection."""
    def make(workers=1, pool=None, **settings):
        db = make_db(conf={"workers": workers}, settings={"pool": {**ONE, **(pool or {})},
                                                          **settings})
        db.sql(TABLES)
        return db
    return make


def note(n, text="x", **rest):
    return {"query": {"insert": "notes", "set": {"id": n, "note": {"value": text}}, **rest}}


def log(nonce):
    return {"query": {"insert": "logs", "set": {"nonce": {"value": nonce}},
                      "returning": ["nonce", "id"]}}


def pool(db):
    return db.ask({"op": "stats"})["stats"]["databases"]["main"]["pool"]


def counts(db):
    now = pool(db)
    return {k: now[k] for k in ("grouped", "groups", "grouped_again", "stalled")}


def grown(db, before, *names):
    """How many more there are. A group may be run again on a machine that stands still for
    a tenth of a second, so who asks for that must have made it necessary."""
    now = counts(db)
    return tuple(now[k] - before[k] for k in names)


class Crowd:
    """Clients that each send a request while all connections are taken by transactions."""

    def __init__(self, db, connections=1):
        self.db = db
        self.holders = [db.client() for _ in range(connections)]
        self.clients = []

    def __enter__(self):
        self.hold()
        return self

    def __exit__(self, *exc):
        for c in self.holders + self.clients:
            c.close()

    def hold(self):
        for i, c in enumerate(self.holders):
            assert "error" not in c.ask({"op": "begin", "tx": f"h{i}"})

    def ask(self, *requests):
        """Each from a client of its own, in this order. All have been read when this
        returns: each was, before the ping behind it."""
        new = [self.db.client() for _ in requests]
        for c, r in zip(new, requests):
            c.early = None
            c.send({"id": "w", **r}, {"op": "ping", "id": "p"})
            reply = c.recv(60)
            if reply["id"] == "w":
                c.early, reply = reply, c.recv(60)
            assert reply["id"] == "p"
        self.clients += new
        return new

    def let_go(self, i=0):
        assert "error" not in self.holders[i].ask({"op": "rollback", "tx": f"h{i}"})


def told(client):
    """What became of its write; what else it hears is passed over."""
    reply = client.early
    while reply is None or reply.get("id") != "w":
        reply = client.recv(60)
    return reply


def codes(clients):
    return [told(c).get("error", {}).get("code") for c in clients]


def stored(db, table="notes", column="id"):
    return sorted(line for line in db.sql(f"SELECT {column} FROM {table}").split())


# ---- what is told ----

@here
def test_each_has_its_own_rows(grouped_db):
    """Seventy inserts are two groups; what each returns is of its own row."""
    db = grouped_db()
    db.client().query(log("first")["query"])
    before = counts(db)
    with Crowd(db) as crowd:
        asked = crowd.ask(*(log(f"n{i}") for i in range(70)))
        crowd.let_go()
        replies = [told(c) for c in asked]
    assert [r["rows"][0][0] for r in replies] == [f"n{i}" for i in range(70)]
    assert [r["rowcount"] for r in replies] == [1] * 70
    rows = dict(line.split("|") for line in db.sql("SELECT nonce, id FROM logs").split())
    assert {r["rows"][0][0]: str(r["rows"][0][1]) for r in replies} == \
        {k: v for k, v in rows.items() if k != "first"}
    assert grown(db, before, "grouped", "groups") == (70, 2)


@here
def test_what_else_an_insert_tells(grouped_db):
    """Counts, generated keys, objects, scalars."""
    db = grouped_db()
    db.client().query(log("first")["query"])
    before = counts(db)
    keys = {"query": {"insert": "logs", "set": {"nonce": {"value": "k"}}}, "keys": True}
    with Crowd(db) as crowd:
        asked = crowd.ask(note(1), keys, {**log("o"), "as": "objects"},
                          {**log("s"), "expect": "scalar"}, {**log("1"), "expect": "one"})
        crowd.let_go()
        count, made, objects, scalar, one = [told(c) for c in asked]
    assert (count["rowcount"], made["rowcount"], made["keys"]) == (1, 1, [[2]])
    assert objects["rows"] == [{"nonce": "o", "id": 3}]
    assert scalar["value"] == "s"
    assert one["rows"] == [["1", 5]]
    assert stored(db, "logs", "nonce") == ["1", "first", "k", "o", "s"]
    assert grown(db, before, "groups") == (1,)


@here
def test_one_error_is_its_own(grouped_db):
    """The group is undone, and each has the outcome that it has alone: the first of two
    with one key wins."""
    db = grouped_db()
    db.client().query(note(7)["query"])
    before = counts(db)
    with Crowd(db) as crowd:
        asked = crowd.ask(*(note(i) for i in range(20)))
        crowd.let_go()
        got = codes(asked)
    assert got == ["unique_violation" if i == 7 else None for i in range(20)]
    assert stored(db) == sorted(str(i) for i in range(20))
    assert grown(db, before, "grouped", "groups", "grouped_again") == (20, 1, 20)


@here
def test_errors_of_every_kind(grouped_db):
    db = grouped_db()
    db.client().query(note(0)["query"])
    child = {"insert": "children", "set": {"id": 1, "note_id": 99}}
    with Crowd(db) as crowd:
        asked = crowd.ask(note(1), {"query": child}, note(2), note(1, "again"), note(3))
        crowd.let_go()
        got = codes(asked)
    assert got[1] == "foreign_key_violation"
    assert sorted(map(str, [got[0], got[3]])) == ["None", "unique_violation"]
    assert [got[2], got[4]] == [None, None]
    assert stored(db) == ["0", "1", "2", "3"] and stored(db, "children") == []


@here
def test_a_commit_that_fails(grouped_db):
    """A constraint that is checked at the commit, and that the daemon does not know of:
    nobody was told of a success, and only the one is to blame."""
    db = grouped_db()
    db.client().query(note(0)["query"])
    db.client().query({"insert": "children", "set": {"id": 0, "note_id": 0}})
    db.sql("ALTER TABLE children ALTER CONSTRAINT children_note_id_fkey"
           " DEFERRABLE INITIALLY DEFERRED;")
    before = counts(db)
    children = [{"query": {"insert": "children", "set": {"id": i, "note_id": 99 * (i == 5)}}}
                for i in range(1, 11)]
    with Crowd(db) as crowd:
        asked = crowd.ask(*children)
        crowd.let_go()
        got = codes(asked)
    assert got == ["foreign_key_violation" if i == 5 else None for i in range(1, 11)]
    assert stored(db, "children") == sorted(str(i) for i in range(11) if i != 5)
    assert grown(db, before, "grouped", "groups", "grouped_again") == (10, 1, 10)


@here
def test_a_table_that_changed(grouped_db):
    """Prepared for a table that is another one now."""
    db = grouped_db()
    db.client().query(log("first")["query"])
    db.sql("ALTER TABLE logs ALTER COLUMN id TYPE NUMERIC;")
    with Crowd(db) as crowd:
        asked = crowd.ask(*(log(f"n{i}") for i in range(5)))
        crowd.let_go()
        assert codes(asked) == [None] * 5
    assert stored(db, "logs", "nonce") == ["first", *(f"n{i}" for i in range(5))]


@here
def test_what_is_not_grouped(grouped_db):
    """Nor does it share, if the pool is told not to."""
    db = grouped_db()
    with db.client() as c:
        for table in ("watched", "late", "coded", "ruled", "parted", "guarded", "notes"):
            c.ask({"query": {"select": ["id"], "from": table, "limit": 1}})
    before = counts(db)
    with Crowd(db) as crowd:
        asked = crowd.ask(*({"query": {"insert": table, "set": {"id": i}}} for i in range(2)
                            for table in ("watched", "late", "coded", "ruled", "parted")),
                          {"query": {"insert": "notes", "rows": [
                              {"id": 1, "note": "a"}, {"id": 2, "note": "b"}]}},
                          note(3, conflict={"on": ["id"], "do": "nothing"}),
                          {"query": {"insert": "notes", "columns": ["id", "note"],
                                     "from_query": {"select": [9, {"x": {"value": "b"}}]}}},
                          {"query": {"update": "notes", "set": {"note": {"value": "c"}},
                                     "where": ["=", "id", 1]}})
        crowd.let_go()
        got = codes(asked)
    assert {*got} <= {None, "unsupported_feature"}, got  # PostgreSQL's, for the rule
    assert grown(db, before, "grouped", "groups") == (0, 0)


@here
def test_switched_off(grouped_db):
    db = grouped_db(pool={"pipelining": "off"})
    db.client().query(note(0)["query"])
    with Crowd(db) as crowd:
        asked = crowd.ask(*(note(i) for i in range(1, 9)))
        crowd.let_go()
        assert codes(asked) == [None] * 8
    assert counts(db) == {"grouped": 0, "groups": 0, "grouped_again": 0, "stalled": 0}


@here
def test_own_writes_in_order(grouped_db):
    """A client without ids reads what it wrote, among others who do the same."""
    db = grouped_db(workers=2, pool={"size": 4})
    with contextlib.ExitStack() as stack:
        asking = [stack.enter_context(db.client()) for _ in range(12)]
        for c in asking:
            c.send({"query": {"select": ["id"], "from": "notes", "limit": 1}})
            c.recv(60)
        for turn in range(20):
            for i, c in enumerate(asking):
                n = turn * 100 + i
                seen = {"query": {"select": ["note"], "from": "notes", "where": ["=", "id", n]}}
                c.send(note(n, f"t{n}"), seen)
            for i, c in enumerate(asking):
                written, read = c.recv_many(2, 60)
                assert written.get("rowcount") == 1, written
                assert read["rows"] == [[f"t{turn * 100 + i}"]]


# ---- locks ----

@here
def test_no_deadlock_behind_a_lock(grouped_db):
    """W1 waits for a key that a transaction T has written. T's owner waits for the answer to
    W2, in W1's group, before it ends T: no database sees that. W2 is answered all the same,
    and so is W3, who comes later."""
    db = grouped_db(pool={"size": 3})
    db.client().query(note(0)["query"])
    with db.client() as owner, Crowd(db, 2) as crowd:
        owner.ask({"op": "begin", "tx": "t"})
        owner.ask({**note(1, "of T"), "tx": "t"})
        before = counts(db)
        w1, w2 = crowd.ask(note(1, "W1"), note(2, "W2"))
        crowd.let_go(0)
        crowd.let_go(1)
        w3, = crowd.ask(note(3, "W3"))
        assert "error" not in told(w2) and "error" not in told(w3)
        assert "error" not in owner.ask({"op": "commit", "tx": "t"})
        assert told(w1)["error"]["code"] == "unique_violation"
    assert grown(db, before, "groups", "stalled", "grouped_again") == (1, 1, 2)
    assert stored(db) == ["0", "1", "2", "3"]


@here
def test_many_behind_a_lock(grouped_db):
    """Every connection but one waits for T's lock; T's owner waits for one more insert."""
    db = grouped_db(pool={"size": 12})
    db.client().query(note(0)["query"])
    with db.client() as owner, Crowd(db, 11) as crowd:
        owner.ask({"op": "begin", "tx": "t"})
        owner.ask({**note(1, "of T"), "tx": "t"})
        blocked = crowd.ask(*(note(1, f"W{i}") for i in range(8)))
        for i in range(11):
            crowd.let_go(i)
        own, = crowd.ask(note(2))
        assert "error" not in told(own)
        assert "error" not in owner.ask({"op": "rollback", "tx": "t"})
        got = codes(blocked)
    assert sorted(map(str, got)) == ["None"] + ["unique_violation"] * 7
    assert stored(db) == ["0", "1", "2"]


def requests_under_way(db):
    return db.ask({"op": "stats"})["stats"]["requests"]["in_flight"]


@here
def test_members_that_leave_the_queue(grouped_db):
    """One is cancelled, one times out, one disconnects while they wait: they are not stored."""
    db = grouped_db()
    db.client().query(note(0)["query"])
    with Crowd(db) as crowd:
        stays, cancelled, times_out, gone = crowd.ask(
            note(11), note(12), {**note(13), "timeout": "200ms"}, note(14))
        cancelled.send({"op": "cancel", "of": "w"})
        gone.break_off()
        assert codes([cancelled, times_out]) == ["cancelled", "timeout"]
        db.daemon.wait_until(lambda: requests_under_way(db) <= 2, "has one beside this one")
        crowd.let_go()
        assert codes([stays]) == [None]
    assert stored(db) == ["0", "11"]


@here
def test_members_that_leave_a_group(grouped_db):
    """The same in a group that waits for a lock. Whoever is told of a cancel or a timeout is
    not stored, whoever is told of a success is."""
    db = grouped_db(pool={"size": 3})
    db.client().query(note(0)["query"])
    with db.client() as owner, Crowd(db, 2) as crowd:
        owner.ask({"op": "begin", "tx": "t"})
        owner.ask({**note(1, "of T"), "tx": "t"})
        blocked, other, cancelled, times_out, gone = crowd.ask(
            note(1), note(22), note(23), {**note(24), "timeout": "1s"}, note(25))
        crowd.let_go(0)
        cancelled.send({"op": "cancel", "of": "w"})
        gone.break_off()
        crowd.let_go(1)
        one, two = codes([cancelled, times_out])
        assert codes([other]) == [None]
        owner.ask({"op": "commit", "tx": "t"})
        assert codes([blocked]) == ["unique_violation"]
    assert one in (None, "cancelled") and two in (None, "timeout")
    there = set(stored(db))
    assert {"0", "1", "22"} <= there <= {"0", "1", "22", "23", "24", "25"}
    assert ("23" in there) == (one is None) and ("24" in there) == (two is None)


# ---- what is lost ----

@here
def test_backends_that_are_killed(grouped_db):
    """What was acknowledged is there once, what failed is not, and only what was told as
    unknown may be either."""
    db = grouped_db(workers=2, pool={"size": 4})
    db.client().query(log("first")["query"])
    ended, acked, unknown, failed, odd = threading.Event(), set(), set(), set(), []
    before = counts(db)

    def write(number):
        try:
            with db.client() as c:
                turn = 0
                while not ended.is_set():
                    nonces = [f"{number}-{turn}-{k}" for k in range(8)]
                    c.send(*({**log(n), "id": n} for n in nonces))
                    for _ in nonces:
                        reply = c.recv(60)
                        code = reply.get("error", {}).get("code")
                        {None: acked, "commit_unknown": unknown}.get(code, failed).add(
                            reply["id"])
                        if code is None and reply["rows"][0][0] != reply["id"]:
                            odd.append(reply)
                    turn += 1
        except Exception as e:  # pylint: disable=broad-except
            odd.append(e)
    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    try:
        killed, end = 0, time.monotonic() + 60
        while killed < 40 and time.monotonic() < end and not odd:
            killed += int(db.sql(
                "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND query LIKE 'INSERT%' AND state = 'active' LIMIT 1) x"))
    finally:
        ended.set()
        for t in threads:
            t.join()
    assert odd == [] and killed >= 10
    there = stored(db, "logs", "nonce")
    assert len(there) == len(set(there))
    assert acked <= set(there) - {"first"} <= acked | unknown
    assert not failed & set(there)
    assert grown(db, before, "groups") > (0,)
