# SPDX-License-Identifier: MIT
"""Streams, credit, cancel and timeouts, and that connections stay clean after them."""
import json
import subprocess
import time

import pytest
from heavy import endless, make_numbers, million, product
from client import Closed

NAMES = {"select": ["id", "name"], "from": "users", "order_by": ["id"]}
ONE_CONNECTION = {"pool": {"size": 1, "max_overflow": 0, "timeout": "20s"}}


@pytest.fixture
def narrow(make_db):
    """A daemon with one connection, and 1,000 numbers."""
    db = make_db(settings=ONE_CONNECTION)
    make_numbers(db)
    return db


def stream_of(client, request, seconds=60):
    """Head, chunks and final line of one stream that is alone on its connection."""
    client.send(request)
    head, chunks = client.recv(seconds), []
    assert "columns" in head, head
    while True:
        line = client.recv(seconds)
        if "rows" not in line:
            return head, chunks, line
        chunks.append(line)


# ---- form ----

def test_lines_of_a_stream(client):
    head, chunks, last = stream_of(client, {"id": 1, "query": NAMES, "stream": {"chunk": 4}})
    assert head == {"id": 1, "columns": ["id", "name"], "types": ["integer", "varchar"]}
    assert [c["seq"] for c in chunks] == [0, 1]
    assert [len(c["rows"]) for c in chunks] == [4, 2]
    assert chunks[1] == {"id": 1, "seq": 1, "rows": [[5, "Charlie"], [6, "John"]]}
    assert last == {"id": 1, "done": True, "rowcount": 6}


def test_a_stream_of_nothing_and_of_whole_chunks(client):
    none = {**NAMES, "where": ["<", "id", 0]}
    _, chunks, last = stream_of(client, {"id": 1, "query": none, "stream": {}})
    assert (chunks, last) == ([], {"id": 1, "done": True, "rowcount": 0})
    _, chunks, last = stream_of(client, {"id": 1, "query": NAMES, "stream": {"chunk": 3}})
    assert [len(c["rows"]) for c in chunks] == [3, 3] and last["rowcount"] == 6


def test_a_stream_of_objects(client):
    _, chunks, _ = stream_of(client, {"query": NAMES, "as": "objects", "stream": {"chunk": 9}})
    assert chunks[0]["rows"][0] == {"id": 1, "name": "Ahmad"}


def test_a_stream_without_id(client):
    client.send({"query": NAMES, "stream": {}}, {"op": "ping"})
    lines = client.recv_many(4)
    assert [list(line) for line in lines] == [["columns", "types"], ["seq", "rows"],
                                              ["done", "rowcount"], ["ok"]]


@pytest.mark.parametrize("request_, code, path", [
    ({"query": NAMES, "as": "columns"}, "bad_request", "/stream"),
    ({"query": NAMES, "expect": "one"}, "bad_request", "/stream"),
    ({"query": NAMES, "stream": {"credit": 1}}, "bad_request", "/stream/credit"),
    ({"query": {"delete": "votes", "where": True}}, "unsupported_feature", "/stream")])
def test_what_cannot_be_streamed(client, request_, code, path):
    error = client.fails({"stream": {"chunk": 5}, **request_}, code)
    assert error["path"] == path
    assert client.query({"select": ["choice"], "from": "votes"}, expect="count")["value"] == 1


def test_an_error_before_the_first_row(client):
    reply = client.ask({"id": 1, "query": {"select": ["nmae"], "from": "users"}, "stream": {}})
    assert reply["id"] == 1 and reply["error"]["code"] == "unknown_column"


def test_an_error_in_the_midst(fresh_db):
    """A bad stored value far behind: the lines before it stand, the last is the error."""
    if fresh_db.kind != "sqlite":
        fresh_db.sql("CREATE TABLE numbers (n INTEGER PRIMARY KEY, d INTEGER)")
        fresh_db.sql("INSERT INTO numbers VALUES " + ",".join(
            f"({i}, {i - 15000})" for i in range(1, 20_001)))
        query = {"select": ["n", {"q": ["//", 1, "d"]}], "from": "numbers", "order_by": ["n"]}
        codes = {"division_by_zero"}
    else:
        fresh_db.sql("CREATE TABLE numbers (n INTEGER PRIMARY KEY, d INTEGER);"
                     + "INSERT INTO numbers VALUES " + ",".join(
                         f"({i}, {'1' if i != 15000 else chr(39) + 'x' + chr(39)})"
                         for i in range(1, 20_001)))
        query = {"select": ["n", "d"], "from": "numbers", "order_by": ["n"]}
        codes = {"bad_stored_value"}
    with fresh_db.client() as c:
        _, chunks, last = stream_of(c, {"id": 1, "query": query, "stream": {"chunk": 100}})
        assert last["id"] == 1 and last["error"]["code"] in codes, last
        assert [r[0] for ch in chunks for r in ch["rows"]] == \
            list(range(1, 100 * len(chunks) + 1))[:sum(len(ch["rows"]) for ch in chunks)]
        assert c.query(NAMES)["rowcount"] == 6


def test_a_plain_reply_that_fails_midway_ends_with_the_error(make_db):
    """Rows were sent already: they are void, and the line says so."""
    db = make_db(conf={"limits": {"rows": 900_000, "reply": "1MiB"}})
    make_numbers(db)
    with db.client() as c:
        c.send({"id": 1, "query": million()}, {"id": 2, "op": "ping"})
        replies = {}
        while len(replies) < 2:
            reply = c.recv(60)
            replies[reply["id"]] = reply
        assert replies[1]["error"]["code"] == "reply_too_large"
        if "rows" in replies[1]:
            assert list(replies[1])[-1] == "error"
        assert c.query(NAMES)["rowcount"] == 6


def test_a_million_rows(narrow):
    """All of them, each once, and the limits of plain replies do not hold."""
    with narrow.client() as c:
        began = time.monotonic()
        head, chunks, last = stream_of(c, {"id": 1, "query": million()}
                                       | {"stream": {"chunk": 2000}})
        assert head["columns"] == ["n", "m", "sum"]
        assert last == {"id": 1, "done": True, "rowcount": 1_000_000}
        assert [ch["seq"] for ch in chunks] == list(range(500))
        assert len({(r[0], r[1]) for ch in chunks for r in ch["rows"]}) == 1_000_000
        assert all(r[2] == r[0] + r[1] for ch in chunks for r in ch["rows"])
        assert time.monotonic() - began < 60


# ---- credit ----

def test_credit_is_what_flows(narrow):
    with narrow.client() as c:
        c.send({"id": "s", "query": {"select": ["n"], "from": "numbers", "order_by": ["n"]},
                "stream": {"chunk": 10, "credit": 2}})
        assert "columns" in c.recv()
        assert [c.recv()["seq"] for _ in range(2)] == [0, 1]
        with pytest.raises(TimeoutError):
            c.recv(0.3)
        c.send({"op": "more", "of": "s", "credit": 3, "id": "m"})
        lines = [c.recv() for _ in range(3)]  # no line with the id of `more`
        assert [line["seq"] for line in lines] == [2, 3, 4]
        with pytest.raises(TimeoutError):
            c.recv(0.3)
        c.send({"op": "more", "of": "s", "credit": 1000})
        rest = [c.recv() for _ in range(95)]
        assert [line["seq"] for line in rest] == list(range(5, 100))
        assert c.recv() == {"id": "s", "done": True, "rowcount": 1000}


def test_more_for_what_is_not_a_stream_with_credit(narrow):
    with narrow.client() as c:
        error = c.fails({"op": "more", "of": "gone", "credit": 1}, "unknown_request")
        assert error["path"] == "/of"
        c.send({"id": 1, "query": endless()}, {"id": 2, "op": "more", "of": 1, "credit": 1})
        reply = c.recv()
        assert reply["id"] == 2 and reply["error"]["code"] == "bad_request"
        c.send({"op": "cancel", "of": 1})
        c.recv_many(2)


def test_a_stream_without_credit_left_gives_way_to_those_who_wait(make_db):
    """It may not keep the only connection longer than limits.paused."""
    db = make_db(settings=ONE_CONNECTION, conf={"limits": {"paused": "1s"}})
    make_numbers(db)
    with db.client() as holder, db.client() as waiter:
        holder.send({"id": "s", "query": million(), "stream": {"chunk": 10, "credit": 1}})
        holder.recv_many(2)
        began = time.monotonic()
        assert waiter.query(NAMES, seconds=20)["rowcount"] == 6
        assert time.monotonic() - began < 10
        last = holder.recv(20)
        assert last["id"] == "s" and last["error"]["code"] == "slow_reader", last
        assert holder.query(NAMES)["rowcount"] == 6


# ---- cancel ----

def test_cancel_ends_a_running_query_and_leaves_a_clean_connection(narrow):
    with narrow.client() as c:
        for nonce in range(5):
            c.send({"id": "q", "query": endless(nonce)})
            time.sleep(0.05)
            c.send({"op": "cancel", "of": "q", "id": "c"})
            replies = {r["id"]: r for r in c.recv_many(2)}
            assert replies["c"] == {"id": "c", "ok": True}
            error = replies["q"]["error"]
            assert (error["code"], error["class"]) == ("cancelled", "cancelled")
            value = {"select": [{"x": ["+", "n", nonce]}], "from": "numbers",
                     "where": ["=", "n", 7]}
            assert c.rows(value) == [[7 + nonce]]  # the same connection, our own answer
    if narrow.kind != "sqlite":
        assert narrow.server.sessions(narrow.name) <= 1


def test_cancel_at_once_in_the_same_packet(narrow):
    with narrow.client() as c:
        for nonce in range(30):
            c.send({"id": "q", "query": endless(nonce)}, {"op": "cancel", "of": "q", "id": "c"})
            replies = {r["id"]: r for r in c.recv_many(2)}
            assert replies["q"]["error"]["code"] == "cancelled" and replies["c"]["ok"]
        assert c.query(NAMES)["rowcount"] == 6


def test_cancel_of_a_waiting_request(narrow):
    with narrow.client() as c:
        c.send({"id": "first", "query": endless()}, {"id": "waits", "query": NAMES},
               {"id": "c", "op": "cancel", "of": "waits"})
        replies = {r["id"]: r for r in c.recv_many(2)}
        assert replies["waits"]["error"]["code"] == "cancelled" and replies["c"]["ok"]
        c.send({"id": "c2", "op": "cancel", "of": "first"})
        assert {r["id"] for r in c.recv_many(2)} == {"first", "c2"}


def test_cancel_of_nothing(db, client):
    assert client.fails({"op": "cancel", "of": 1}, "unknown_request")["path"] == "/of"
    with db.client() as other:  # ids are each connection's own
        other.send({"id": 1, "op": "ping"})
        assert client.fails({"op": "cancel", "of": 1}, "unknown_request")


@pytest.mark.tsan
def test_a_cancel_that_comes_late_hits_nobody_else(narrow):
    """Short queries and cancels race; every answer is our own or `cancelled`."""
    with narrow.client() as c, narrow.client() as other:
        won = lost = 0
        for i in range(1, 200):
            value = {"select": [{"x": ["+", "n", i]}], "from": "numbers", "where": ["=", "n", 1]}
            c.send({"id": i, "query": value}, {"op": "cancel", "of": i, "id": -i})
            reply = other.query({**value, "select": [{"x": ["-", "n", i]}]})
            assert reply["rows"] == [[1 - i]]
            replies = {r["id"]: r for r in c.recv_many(2)}
            if "error" in replies[i]:
                assert replies[i]["error"]["code"] == "cancelled"
                lost += 1
            else:
                assert replies[i]["rows"] == [[1 + i]]
                won += 1
        assert won + lost == 199


def test_cancel_of_a_stream_in_the_midst(narrow):
    with narrow.client() as c:
        c.send({"id": "s", "query": million(), "stream": {"chunk": 100, "credit": 3}})
        c.recv_many(4)
        c.send({"op": "cancel", "of": "s", "id": "c"})
        replies = {r["id"]: r for r in c.recv_many(2)}
        assert replies["c"]["ok"] and replies["s"]["error"]["code"] == "cancelled"
        assert c.query(NAMES)["rowcount"] == 6


def test_cancel_while_waiting_for_a_lock(postgresql, mariadb, copies):
    from conftest import Db
    for server in (postgresql, mariadb):
        db = Db(server, copies(server), settings=ONE_CONNECTION)
        if server.name == "postgresql":
            argv = [server.binary("psql"), "-X", "-q", "-h", server.socket, "-p", str(server.port),
                    "-U", "postgres", "-d", db.name]
            argv_env = {"PATH": "/usr/bin:/bin", "HOME": "/"}
        else:
            argv, argv_env = server.client("--unbuffered", "-u", "root", db.name), None
        holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  env=argv_env)
        try:
            holder.stdin.write("BEGIN; UPDATE accounts SET balance = 1 WHERE id = 1; "
                               "SELECT 'locked';\n")
            holder.stdin.flush()
            line = holder.stdout.readline()
            while "locked" not in line:
                assert line, "the client that holds the lock has ended"
                line = holder.stdout.readline()
            with db.client() as c:
                c.send({"id": 1, "query": {"update": "accounts", "set": {"balance": 2},
                                           "where": ["=", "id", 1]}})
                time.sleep(0.3)
                c.send({"id": 2, "op": "cancel", "of": 1})
                replies = {r["id"]: r for r in c.recv_many(2)}
                assert replies[1]["error"]["code"] == "cancelled", replies
                assert c.query(NAMES)["rowcount"] == 6
        finally:
            holder.stdin.close()
            holder.wait(20)
        assert db.ask({"query": {"select": ["balance"], "from": "accounts",
                                 "where": ["=", "id", 1]}, "expect": "scalar"})["value"] == 500
        db.daemon.stop()


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
@pytest.mark.parametrize("how", ["cancelled", "timeout"])
def test_a_shared_read_says_why_it_was_stopped(make_db, how):
    """It waits for a table that a transaction is altering, on a connection of many."""
    db = make_db(settings={"pool": {"size": 3, "max_overflow": 0}})
    read = {"query": {"select": ["name"], "from": "tags", "where": ["=", "id", 1]}}

    def shared():
        return db.daemon.stats()["databases"]["main"]["pool"]["shared"]
    with db.client() as c, db.client() as holder:
        while shared() == 0:  # seen to be short
            assert "error" not in c.ask(read)
        holder.send({"op": "begin", "tx": "t"},
                    {"tx": "t", "query": {"text": "alter table tags add column later integer"}})
        assert not any("error" in r for r in holder.recv_many(2))
        before = shared()
        c.send({"id": 1, **read, "timeout": "60s" if how == "cancelled" else "300ms"})
        if how == "cancelled":
            time.sleep(0.3)
            c.send({"id": 2, "op": "cancel", "of": 1})
        replies = {r["id"]: r for r in c.recv_many(2 if how == "cancelled" else 1)}
        assert replies[1]["error"]["code"] == how, replies
        assert shared() == before + 1
        assert holder.ask({"op": "rollback", "tx": "t"}) == {"ok": True}
        assert "error" not in c.ask(read)


# ---- timeout ----

def test_timeout_covers_execution(narrow):
    with narrow.client() as c:
        for _ in range(3):
            began = time.monotonic()
            error = c.fails({"query": endless(), "timeout": "300ms"}, "timeout")
            assert error["class"] == "timeout"
            assert 0.25 < time.monotonic() - began < 5
            assert c.query(NAMES, timeout="10s")["rowcount"] == 6


def test_timeout_covers_waiting(narrow):
    with narrow.client() as c, narrow.client() as other:
        c.send({"id": 1, "query": endless()}, {"id": 2, "op": "ping"})
        c.recv()
        began = time.monotonic()
        error = other.fails({"query": NAMES, "timeout": "200ms"})
        assert error["class"] == "timeout" and time.monotonic() - began < 3
        c.send({"op": "cancel", "of": 1})
        c.recv_many(2)


def test_statement_timeout_of_the_conf(make_db):
    db = make_db(settings={"pool": {"size": 1, "max_overflow": 0, "statement_timeout": "300ms"}})
    make_numbers(db)
    with db.client() as c:
        assert c.fails({"query": endless()})["class"] == "timeout"
        assert c.query(NAMES)["rowcount"] == 6


# ---- readers who go or stop ----

def test_the_reader_leaves_in_the_midst(narrow):
    for _ in range(3):
        with narrow.client() as c:
            c.send({"id": 1, "query": million(), "stream": {}})
            c.recv_many(3)
        with narrow.client() as c:
            assert c.query(NAMES)["rowcount"] == 6


def test_half_close_still_gets_the_whole_stream(narrow):
    with narrow.client() as c:
        c.send({"query": product(["a.n"], where=["<=", "b.n", 50]), "stream": {"chunk": 1000}})
        c.shutdown()
        lines = []
        with pytest.raises(Closed):
            while True:
                lines.append(c.recv())
        assert lines[-1] == {"done": True, "rowcount": 50_000}
        assert sum(len(line.get("rows", ())) for line in lines) == 50_000


@pytest.mark.tsan
def test_two_streams_on_one_connection_do_not_mix(make_db):
    db = make_db()
    make_numbers(db)
    with db.client() as c:
        for name in ("a", "b"):
            c.send({"id": name, "query": product(["a.n", "b.n"], where=["<=", "a.n", 30]),
                    "stream": {"chunk": 777}})
        seen, done = {"a": 0, "b": 0}, 0
        while done < 2:
            line = json.loads(c.recv_line())
            if "rows" in line:
                seen[line["id"]] += len(line["rows"])
            done += line.get("done", False)
        assert seen == {"a": 30_000, "b": 30_000}
