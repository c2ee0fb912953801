# SPDX-License-Identifier: MIT
"""Failures 24 to 27: what result caches are known to get wrong.

A question carries a marker (tests/integration/gate.py), by which its way to the database
is counted, and its answer kept on the way back.
"""
import contextlib
import itertools
import json
import time

import pytest
from client import Client
from daemon import Daemon
from gate import Gate

MARK = "marker-of-a-question"
SCHEMA = f"""
create table hot (id integer not null primary key, code {{key}} not null unique, grp integer,
                  v bigint not null);
insert into hot values (1, '{MARK}', 1, 0), (2, 'another', 1, 0);
create table other (id integer not null primary key, v bigint not null);
insert into other values (1, 0);
"""
RESTORE = f"""
delete from hot;
insert into hot values (1, '{MARK}', 1, 0), (2, 'another', 1, 0);
"""
KEY = {"postgresql": "varchar(40)", "sqlite": "varchar(40)",
       "mariadb": "varchar(40) character set ascii collate ascii_bin"}
QUESTION = {"select": ["v"], "from": "hot", "where": ["=", "code", {"value": MARK}]}
# A shared connection that does not answer would be left for another one.
SETTINGS = {"pool": {"size": 6, "max_overflow": 2, "pipelining": "off"}}
WITH_WIRE = pytest.mark.parametrize("server", ["postgresql", "mariadb"], indirect=True)
NAMES = itertools.count(1)


class World:
    """A database of its own, a daemon, and (but for SQLite) the gate between them."""

    def __init__(self, server, **conf):
        self.server, self.name = server, f"cache_{next(NAMES)}"
        server.create(self.name)
        server.load(SCHEMA.format(key=KEY[server.name]), self.name)
        self.gate, url = None, server.url(self.name)
        if server.name != "sqlite":
            self.gate = Gate(server.port, MARK.encode())
            url = self.gate.url(server, self.name)
        self.daemon = Daemon({"main": {"url": url, **SETTINGS}}, conf=conf)

    def __enter__(self):
        return self

    def __exit__(self, kind, *exc):
        if self.gate:
            self.gate.let_go()
        try:
            if kind is None:
                self.daemon.stop()
        finally:
            self.daemon.kill()
            if self.gate:
                self.gate.__exit__(None)
            self.server.drop(self.name)

    def client(self):
        return Client(("127.0.0.1", self.daemon.port), 60)

    def sql(self, text):
        return self.server.load(text, self.name)

    def restore(self):
        """As at the beginning, with nothing kept: raw SQL may have written anywhere."""
        if self.gate:
            self.gate.let_go()
        self.sql(RESTORE)
        with self.client() as c:
            c.query({"text": "update other set v = 0"})
            for _ in range(3):
                assert c.rows({"select": ["v"], "from": "other"}) == [[0]]
        if self.gate:
            self.gate.asked = 0


@pytest.fixture(scope="module")
def worlds():
    """By the server's name."""
    with contextlib.ExitStack() as stack:
        yield stack, {}


@pytest.fixture
def world(server, worlds):
    stack, made = worlds
    if server.name not in made:
        made[server.name] = stack.enter_context(World(server))
    made[server.name].restore()
    return made[server.name]


def cached(question=None, **more):
    return {"query": question or QUESTION, "cache": True, **more}


def value(reply):
    assert "error" not in reply, reply
    return reply["rows"][0][0] if reply["rows"] else None


def behind_all(client):
    """All that was sent before on this connection is under way."""
    client.send({"id": "behind", "op": "ping"})
    assert client.recv()["id"] == "behind"
    return client


# ---- what is there at all ----

def test_the_second_is_a_hit_and_says_so(world):
    with world.client() as c:
        first, second = c.ask(cached()), c.ask(cached())
        assert (first["cache"], second["cache"]) == ("miss", "hit")
        assert {**first, "cache": "hit"} == second and value(first) == 0
        assert "cache" not in c.ask({"query": QUESTION})


# ---- 24: a fill begun before an invalidation never lands after it ----

UPDATE = {"update": "hot", "set": {"v": 1}}
BY_ID = {**UPDATE, "where": ["=", "id", 1]}
WRITES = {
    "by another key": [{"query": BY_ID}],
    "by the same key": [{"query": {**UPDATE, "where": ["=", "code", {"value": MARK}]}}],
    "by the key's parts": [{"query": {**UPDATE, "where": ["=", "code", ["||", {"value": MARK[:5]},
                                                                        {"value": MARK[5:]}]]}}],
    "by no key": [{"query": {**UPDATE, "where": ["=", "grp", 1]}}],
    "every row": [{"query": {**UPDATE, "where": True}}],
    "as raw text": [{"query": {"text": "update hot set v = 1 where id = 1"}}],
    "in a transaction": [{"op": "begin", "tx": 1}, {"tx": 1, "query": BY_ID},
                         {"op": "commit", "tx": 1}],
    "in a transaction, raw": [{"op": "begin", "tx": 1},
                              {"tx": 1, "query": {"text": "update hot set v = 1 where id = 1"}},
                              {"op": "commit", "tx": 1}],
    "behind a savepoint": [{"op": "begin", "tx": 1}, {"tx": 1, "query": BY_ID},
                           {"op": "savepoint", "tx": 1, "name": "s"},
                           {"tx": 1, "query": {"update": "other", "set": {"v": 3}, "where": True}},
                           {"op": "rollback_to", "tx": 1, "name": "s"},
                           {"op": "commit", "tx": 1}],
    "in a batch": [{"op": "batch", "steps": [{"query": BY_ID}, {"query": {
        "select": ["v"], "from": "other"}}]}],
    "in a batch without atomicity": [{"op": "batch", "atomic": False, "steps": [
        {"query": BY_ID}, {"query": {"update": "nothing", "set": {"v": 1}, "where": True}}]}],
    "in a batch within a transaction": [{"op": "begin", "tx": 1},
                                        {"op": "batch", "tx": 1, "steps": [{"query": BY_ID}]},
                                        {"op": "commit", "tx": 1}],
    "as an upsert": [{"query": {"insert": "hot", "rows": [{"id": 1, "code": "x", "v": 1}],
                                "conflict": {"on": ["id"], "do": "update", "set": {
                                    "v": {"value": 1}}}}}],
    "with many parameters": [{"query": {**UPDATE, "where": ["=", "id", ":k"]},
                              "params": [{"k": 2}, {"k": 1}]}],
    "prepared": [{"op": "prepare", "name": "w", "query": {**UPDATE, "where": ["=", "id", ":k"]}},
                 {"run": "w", "params": {"k": 1}}],
    "with returning": [{"query": {**BY_ID, "returning": ["id"]}}],
    "through a subquery": [{"query": {**UPDATE, "where": [
        "in", "id", {"select": ["id"], "from": "other"}]}}],
}


def write(client, requests):
    for request in requests:
        reply = client.ask(request)
        assert "error" not in reply, (request, reply)


def take_back(client):
    """As it was before all writes."""
    client.query({"update": "hot", "set": {"v": 0}, "where": True})
    client.query({"update": "hot", "set": {"code": {"value": MARK}}, "where": ["=", "id", 1]})
    client.ask({"op": "deallocate", "name": "w"})


@WITH_WIRE
def test_24_a_fill_does_not_land_behind_a_write(world):
    """The answer with the old value is on its way when the write is acknowledged."""
    with world.client() as filler, world.client() as writer, world.client() as reader:
        for how, requests in WRITES.items():
            world.gate.keep()
            filler.send(cached())
            world.gate.wait_kept()
            write(writer, requests)
            late = reader.ask(cached())
            assert value(late) == 1, f"{how}: it joined that flight: {late}"
            world.gate.let_go()
            assert value(filler.recv()) == 0, how  # it had begun before
            told = [value(reader.ask(cached())) for _ in range(3)]
            assert told == [1, 1, 1], f"{how}: that fill is found"
            take_back(writer)


def test_24_what_is_kept_is_not_served_behind_a_write(world):
    with world.client() as writer, world.client() as reader:
        for how, requests in WRITES.items():
            assert [reader.ask(cached())["cache"] for _ in range(2)] == ["miss", "hit"], how
            write(writer, requests)
            after = reader.ask(cached())
            assert (value(after), after["cache"]) == (1, "miss"), how
            assert reader.ask(cached())["cache"] == "hit", how
            take_back(writer)


# ---- 25: what is one client's is not another one's ----

FACES = [{}, {"as": "objects"}, {"as": "columns"}, {"expect": "scalar"}, {"expect": "scalars"},
         {"expect": "first"}, {"expect": "count"}, {"expect": "exists"}]


def test_25_each_face_of_a_result_is_kept_by_itself(world):
    """The part of the key for who asks is proven in tests/unit/cache/test_key.c."""
    with world.client() as c, world.client() as strings:
        strings.ask({"op": "hello", "version": 1, "int64": "string"})
        for client in (c, strings):
            for face in FACES:
                plain = client.ask({"query": QUESTION, **face})
                first, second = (client.ask(cached(**face)) for _ in range(2))
                assert first.pop("cache") == "miss" and second.pop("cache") == "hit", face
                assert plain == first == second, face
        assert value(c.ask(cached())) == 0 and value(strings.ask(cached())) == "0"


def test_25_a_name_that_means_another_statement(world):
    """The same bytes, asked again and again, of connections and times that differ."""
    line, other = {"run": "p", "cache": True}, {"select": ["id"], "from": "hot", "where": [
        "=", "code", {"value": MARK}]}
    with world.client() as a, world.client() as b:
        assert "error" not in a.ask({"op": "prepare", "name": "p", "query": QUESTION})
        assert "error" not in b.ask({"op": "prepare", "name": "p", "query": other})
        for _ in range(4):
            assert value(a.ask(line)) == 0 and value(b.ask(line)) == 1
        for query, told in ((other, 1), (QUESTION, 0)):
            assert "error" not in a.ask({"op": "deallocate", "name": "p"})
            assert a.ask(line)["error"]["code"] == "unknown_statement"
            assert "error" not in a.ask({"op": "prepare", "name": "p", "query": query})
            assert [value(a.ask(line)) for _ in range(4)] == [told] * 4


def test_25_one_line_and_what_was_said_before_it(world):
    """`hello` changes what the same bytes mean, on one connection too."""
    with world.client() as c:
        for form, told in (("number", 0), ("string", "0"), ("number", 0)):
            assert "error" not in c.ask({"op": "hello", "version": 1, "int64": form})
            assert [value(c.ask(cached())) for _ in range(4)] == [told] * 4
            assert [value(c.ask(cached(id=i))) for i in range(4)] == [told] * 4


def test_25_tables_of_one_name_in_two_databases(server):
    """What two databases call alike is two things, written and read."""
    with World(server) as world:
        second = world.name + "_b"
        server.create(second)
        server.load(SCHEMA.format(key=KEY[server.name]), second)
        server.load("update hot set v = 7", second)
        world.daemon.conf["databases"]["second"] = {"url": server.url(second)}
        world.daemon.conf["default_database"] = "main"
        world.daemon.write_conf()
        world.daemon.reload()
        try:
            with world.client() as c:
                world.daemon.wait_until(lambda: c.ask(
                    {"db": "second", "query": QUESTION}).get("rows") == [[7]])
                for _ in range(2):
                    assert value(c.ask(cached())) == 0
                    assert value(c.ask(cached(db="second"))) == 7
                c.query({**UPDATE, "where": True}, db="second")
                other, own = c.ask(cached()), c.ask(cached(db="second"))
                assert (value(other), other["cache"]) == (0, "hit")
                assert (value(own), own["cache"]) == (1, "miss")
            world.daemon.stop()
        finally:
            world.daemon.kill()
            server.drop(second)


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_25_tables_of_one_name_in_two_schemas(world):
    world.sql("create schema s; create table s.hot (id integer primary key, v bigint);"
              "insert into s.hot values (1, 5);")
    theirs = {"select": ["v"], "from": "s.hot", "where": ["=", "id", 1]}
    ours = {**theirs, "from": "hot"}
    with world.client() as c:
        assert "error" not in c.ask({"op": "schema.reload"})
        for _ in range(2):
            assert value(c.ask(cached(theirs))) == 5 and value(c.ask(cached(ours))) == 0
        c.query({"update": "s.hot", "set": {"v": 6}, "where": ["=", "id", 1]})
        assert value(c.ask(cached(theirs))) == 6
        assert c.ask(cached(ours))["cache"] == "hit"


# ---- 26: what is not committed is not kept ----

def test_26_uncommitted_data_never_fills(world):
    lie = {**UPDATE, "set": {"v": -1}, "where": ["=", "id", 1]}
    with world.client() as writer, world.client() as reader:
        assert "error" not in writer.ask({"op": "begin", "tx": "t"})
        writer.query(lie, tx="t")
        for _ in range(2):
            inside = writer.ask(cached(tx="t"))
            assert (value(inside), inside["cache"]) == (-1, "bypass")
        for _ in range(2):
            assert value(reader.ask(cached())) == 0
        assert "error" not in writer.ask({"op": "rollback", "tx": "t"})
        assert value(reader.ask(cached())) == 0 and value(writer.ask(cached())) == 0


def test_26_what_a_transaction_sees_is_not_what_is_kept(world):
    """Nor is what is kept served to it: it has its own snapshot and its own writes."""
    with world.client() as c, world.client() as other:
        assert [value(other.ask(cached())) for _ in range(2)] == [0, 0]
        c.ask({"op": "begin", "tx": 1})
        c.query(BY_ID, tx=1)
        assert value(c.ask(cached(tx=1))) == 1 and value(other.ask(cached())) == 0
        step = c.ask({"op": "batch", "tx": 1, "steps": [{"query": QUESTION}]})
        assert step["results"][0]["rows"] == [[1]]
        c.ask({"op": "commit", "tx": 1})
        assert value(other.ask(cached())) == 1


def test_26_a_failed_commit_and_a_lost_client_write_nothing(world):
    with world.client() as reader:
        assert value(reader.ask(cached())) == 0
        leaver = world.client()
        leaver.ask({"op": "begin", "tx": 1})
        leaver.query({**BY_ID, "set": {"v": -1}}, tx=1)
        leaver.close()
        with world.client() as failing:
            failing.ask({"op": "batch", "steps": [
                {"query": {**BY_ID, "set": {"v": -1}}},
                {"query": {"insert": "other", "rows": [{"id": 1, "v": 1}]}}]})
        for _ in range(20):
            assert value(reader.ask(cached())) == 0
            time.sleep(0.01)


# ---- 27: a thousand who miss make one query ----

@WITH_WIRE
def test_27_a_thousand_misses_are_one_query(world):
    clients = [world.client() for _ in range(20)]
    try:
        world.gate.keep()
        clients[0].send(*(cached(id=i) for i in range(50)))
        world.gate.wait_kept()
        for c in clients[1:]:
            c.send(*(cached(id=i) for i in range(50)))
        for c in clients:
            behind_all(c)  # no reply came before, and all are under way
        assert world.gate.asked == 1
        world.gate.let_go()
        replies = [c.recv() for c in clients for _ in range(50)]
        assert len(replies) == 1000 and {value(r) for r in replies} == {0}
        assert world.gate.asked == 1
        for c in clients:
            assert c.ask(cached())["cache"] == "hit"
    finally:
        for c in clients:
            c.close()


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_27_a_thousand_misses_are_one_query_of_sqlite(world):
    clients = [world.client() for _ in range(20)]
    before = world.daemon.region()["fills"]
    try:
        for c in clients:
            c.send(*(cached(id=i) for i in range(50)))
        replies = [r for c in clients for r in c.recv_many(50)]
        assert {value(r) for r in replies} == {0}
        assert world.daemon.region()["fills"] - before == 1
    finally:
        for c in clients:
            c.close()


# ---- fills that fail ----

BAD = {"select": [{"x": ["//", 10, "v"]}], "from": "hot", "where": ["=", "code", {"value": MARK}]}


@WITH_WIRE
def test_a_failed_fill_wakes_all_with_its_error_and_is_not_kept(world):
    with world.client() as c:
        world.gate.keep()
        c.send(*(cached(BAD, id=i) for i in range(40)))
        world.gate.wait_kept()
        behind_all(c)
        world.gate.let_go()
        assert {r["error"]["code"] for r in c.recv_many(40)} == {"division_by_zero"}
        asked = world.gate.asked
        assert asked == 1
        assert c.ask(cached(BAD))["error"]["code"] == "division_by_zero"
        assert world.gate.asked == asked + 1  # the next one tries again
        world.sql("update hot set v = 5")  # round the daemon: nothing tells it
        assert value(c.ask(cached(BAD))) == 2


def leave(filler):
    """With a reset: who only shuts down its side still gets its answers."""
    filler.break_off()


def cancel(filler):
    filler.send({"id": "c", "op": "cancel", "of": 1})


def run_out_of_time(_):
    """It had a second."""


@pytest.mark.parametrize("end, code", [(leave, None), (cancel, "cancelled"),
                                       (run_out_of_time, "timeout")])
@WITH_WIRE
def test_a_filler_that_goes_leaves_its_place_to_the_next(world, end, code):
    """Its answer does not come: those who wait for it ask for themselves, once for all."""
    filler, waiters = world.client(), [world.client() for _ in range(4)]
    try:
        world.gate.keep()
        filler.send(cached(id=1, **({"timeout": "1s"} if end is run_out_of_time else {})))
        world.gate.wait_kept()
        for c in waiters:
            c.send(*(cached(id=i) for i in range(10)))
        for c in waiters:
            behind_all(c)
        end(filler)
        replies = [r for c in waiters for r in c.recv_many(10)]
        assert {value(r) for r in replies} == {0}
        assert world.gate.asked == 2
        world.gate.let_go()
        while code is not None:
            reply = filler.recv()
            if reply["id"] == 1:  # its success, if that was faster
                assert reply.get("rows") == [[0]] or reply["error"]["code"] == code
                break
    finally:
        for c in (filler, *waiters):
            c.close()


@WITH_WIRE
def test_waiters_that_go_harm_nobody(world):
    filler, patient, leaving = (world.client() for _ in range(3))
    with filler, patient, leaving:
        world.gate.keep()
        filler.send(cached(id=1))
        world.gate.wait_kept()
        patient.send(cached(id=1), cached(id=2), cached(id=3, timeout="50ms"))
        leaving.send(*(cached(id=i) for i in range(20)))
        behind_all(leaving).close()
        assert patient.recv()["error"]["code"] == "timeout"
        patient.send({"id": "c", "op": "cancel", "of": 2})
        gone = {r["id"]: r for r in patient.recv_many(2)}
        assert gone[2]["error"]["code"] == "cancelled"
        assert world.gate.asked == 1
        world.gate.let_go()
        assert value(filler.recv()) == 0 and value(patient.recv()) == 0
        assert world.gate.asked == 1


@WITH_WIRE
def test_a_connection_that_breaks_under_a_fill(world):
    """All are answered, by the value or by an error that says to try again; then it works."""
    filler, waiters = world.client(), [world.client() for _ in range(4)]
    try:
        world.gate.keep()
        filler.send(cached(id=1))
        world.gate.wait_kept()
        for c in waiters:
            c.send(*(cached(id=i) for i in range(10)))
        for c in waiters:
            behind_all(c)
        world.gate.cut_kept()
        replies = [filler.recv()] + [r for c in waiters for r in c.recv_many(10)]
        for reply in replies:
            if "error" in reply:
                assert reply["error"]["code"] == "connection_lost" and reply["error"]["retry"]
            else:
                assert value(reply) == 0
        assert value(filler.ask(cached())) == 0
        assert filler.ask(cached())["cache"] == "hit"
    finally:
        for c in (filler, *waiters):
            c.close()


# ---- a failed write beside ----

def test_refused_writes_are_no_reason_to_lose_what_is_kept_for_long(world):
    """Whatever a refused write does to what is kept, it does not stay so."""
    with world.client() as c:
        for _ in range(3):
            assert "error" in c.ask({"query": {"update": "hot", "set": {"v": None},
                                               "where": ["=", "id", 1]}})
        c.ask(cached())
        assert c.ask(cached())["cache"] == "hit"


def test_hits_of_many_connections_are_the_same_bytes(world):
    clients = [world.client() for _ in range(8)]
    try:
        clients[0].ask(cached())
        lines = set()
        for c in clients:
            c.send(cached())
            lines.add(c.recv_line())
        assert len(lines) == 1 and json.loads(lines.pop())["cache"] == "hit"
    finally:
        for c in clients:
            c.close()
