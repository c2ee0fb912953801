# SPDX-License-Identifier: MIT
"""Failures that other proxies had, as statements about this one."""
import os
import subprocess
import time

import pytest
from daemon import Daemon
from heavy import make_numbers, sanitized
from hostile import Hostile, local_infile, pg_without_password, scram_forever

NAMES = {"select": ["id"], "from": "users"}


# ---- one request is one statement ----

TRICKS = ["1; DROP TABLE tags", "1); DROP TABLE tags; --", "'; DROP TABLE tags; --", "\0; DROP",
          "\\'; DROP TABLE tags; #", "`; DROP TABLE tags; --", '"; DROP TABLE tags; --',
          "1 UNION SELECT 1", "/*!50000 DROP TABLE tags */", "$$; DROP TABLE tags; $$"]


def places(trick):
    """Everywhere in a statement that a text can stand."""
    return [
        {"select": [trick], "from": "tags"}, {"select": "*", "from": trick},
        {"select": "*", "from": {"a": trick}}, {"select": [{trick: "id"}], "from": "tags"},
        {"select": "*", "from": {trick: "tags"}}, {"select": [[trick, "id"]], "from": "tags"},
        {"select": "*", "from": "tags", "where": [trick, "id", 1]},
        {"select": "*", "from": "tags", "where": ["=", trick, 1]},
        {"select": "*", "from": "tags", "order_by": [trick]},
        {"select": "*", "from": "tags", "order_by": [{"asc": "id", "nulls": trick}]},
        {"select": [["cast", "id", trick]], "from": "tags"},
        {"select": [["extract", trick, "id"]], "from": "tags"},
        {"select": [["collate", "name", trick]], "from": "tags"},
        {"select": [{"value": 1, "type": trick}], "from": "tags"},
        {"select": "*", "from": "tags", "group_by": [trick]},
        {"select": "*", "from": "tags", "limit": trick},
        {"select": "*", "from": "tags", "join": [{"inner": trick}]},
        {"insert": trick, "rows": [{"id": 9}]}, {"insert": "tags", "rows": [{trick: 1}]},
        {"insert": "tags", "rows": [{"id": 9}], "returning": [trick]},
        {"update": "tags", "set": {trick: 1}, "where": True},
        {"update": "tags", "data": {trick: 1}, "where": ["=", "id", 9]},
        {"delete": trick, "where": True}, {"delete": "tags", "where": ["=", "name", trick]}]


def test_no_place_takes_sql(fresh_db):
    """It is a name that is not found, or a value, or an alias and nothing else."""
    asked = {f"{t} {p}": place for t, trick in enumerate(TRICKS)
             for p, place in enumerate(places(trick))}
    with fresh_db.client() as c:
        c.send(*({"id": i, "query": q} for i, q in asked.items()))
        for _ in asked:
            reply = c.recv()
            place, trick = asked[reply["id"]], TRICKS[int(reply["id"].split()[0])]
            if "error" in reply:
                assert reply["error"]["class"] in ("compile", "protocol", "unsupported"), \
                    (place, reply)
            else:
                assert place in ({"select": [{trick: "id"}], "from": "tags"},
                                 {"select": "*", "from": {trick: "tags"}}), (place, reply)
                assert len(reply["rows"]) == 3 and reply["columns"] in ([trick], ["id", "name"])
    assert fresh_db.sql("SELECT count(*) FROM tags").strip() == "3"


@pytest.mark.parametrize("trick", TRICKS)
def test_values_stay_values(client, trick):
    for op in ("=", "like", "contains", "startswith", "ilike"):
        query = {"select": ["id"], "from": "tags", "where": [op, "name", ":t"]}
        reply = client.ask({"query": query, "params": {"t": trick}})
        if "\0" in trick:
            assert reply["error"]["code"] == "bad_value", reply
        else:
            assert reply.get("rows") == [], reply


# ---- no length overflow splits or desynchronises messages ----

def test_more_cells_than_a_message_can_count(fresh_db):
    """PostgreSQL and MariaDB count parameters in 16 bits."""
    fresh_db.sql("CREATE TABLE many (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c INTEGER);")
    with fresh_db.client(seconds=60) as c:
        for count in (16_383, 16_384, 16_385, 25_000):
            rows = [{"id": i, "a": i + 1, "b": i + 2, "c": i + 3} for i in range(count)]
            reply = c.ask({"query": {"insert": "many", "rows": ":r"}, "params": {"r": rows}})
            assert reply == {"rowcount": count}
            total = c.query({"select": [["sum", "c"]], "from": "many"}, expect="scalar")["value"]
            assert int(total) == sum(i + 3 for i in range(count))
            assert c.ask({"query": {"delete": "many", "where": True}})["rowcount"] == count


@pytest.mark.parametrize("count", [1_000, 32_766, 32_768, 65_535, 65_536, 70_000])
def test_long_lists(fresh_db, count):
    make_numbers(fresh_db, 1000)
    with fresh_db.client(seconds=60) as c:
        reply = c.ask({"query": {"select": [["count", "*"]], "from": "numbers",
                                 "where": ["in", "n", ":ids"]},
                       "params": {"ids": list(range(501, 501 + count))}, "expect": "scalar"})
        if "error" in reply:
            assert reply["error"]["class"] in ("compile", "unsupported"), reply
            assert count > 1000
        else:
            assert reply["value"] == 500
        assert c.query(NAMES)["rowcount"] == 6


@pytest.mark.parametrize("size", [2 ** 16 - 1, 2 ** 16, 2 ** 20, 2 ** 22])
def test_long_values_go_there_and_back(fresh_db, size):
    kind = "LONGTEXT" if fresh_db.kind == "mariadb" else "TEXT"
    fresh_db.sql(f"CREATE TABLE long_ones (id INTEGER PRIMARY KEY, t {kind});")
    text = "".join(chr(97 + i % 26) for i in range(size))
    with fresh_db.client(seconds=60) as c:
        reply = c.ask({"query": {"insert": "long_ones", "rows": ":r"},
                       "params": {"r": [{"id": 1, "t": text}, {"id": 2, "t": "x"}]}})
        assert reply == {"rowcount": 2}
        assert c.rows({"select": ["id", "t"], "from": "long_ones", "order_by": ["id"]}) == \
            [[1, text], [2, "x"]]


def test_a_value_beyond_the_servers_packet(fresh_db):
    """MariaDB takes 16 MiB by default: an error, and the connection stays in step."""
    kind = "LONGTEXT" if fresh_db.kind == "mariadb" else "TEXT"
    fresh_db.sql(f"CREATE TABLE long_ones (id INTEGER PRIMARY KEY, t {kind});")
    with fresh_db.client(seconds=60) as c:
        reply = c.ask({"query": {"insert": "long_ones", "rows": ":r"},
                       "params": {"r": [{"id": 1, "t": "x" * ((16 << 20) - 300)}]}})
        assert reply.get("rowcount") == 1 or "error" in reply
        for i in range(10):
            assert c.rows({"select": [{"x": ["+", "id", i]}], "from": "users",
                           "where": ["=", "id", 1]}) == [[1 + i]]


# ---- memory before anything useful is constant ----

def test_idle_and_half_sent_clients_cost_little(make_db):
    db = make_db()
    db.ask({"query": NAMES})
    before = db.daemon.rss()
    crowd = []
    try:
        for i in range(800):
            c = db.client()
            crowd.append(c)
            if i % 2:
                c.send_raw(b'{"op":"hello","db":"' + b"x" * 1000)
        db.ask({"op": "ping"})
        grown = db.daemon.rss() - before
        if not sanitized():
            assert grown < 8 << 20, f"{grown / 800:.0f} bytes a client"
    finally:
        for c in crowd:
            c.close()
    db.daemon.wait_until(db.daemon.answers)


def test_memory_of_big_lines_is_given_back(make_db):
    db = make_db()
    db.ask({"query": NAMES})
    before = db.daemon.rss()
    for _ in range(4):
        with db.client(seconds=60) as c:
            c.send_raw(b'{"op":"ping","x":"' + b"y" * (12 << 20) + b'"}\n')
            assert c.recv(60)["error"]["code"] == "unknown_key"
            assert c.ask({"op": "ping"}) == {"ok": True}
    time.sleep(0.3)
    if not sanitized():
        assert db.daemon.rss() - before < 24 << 20


# ---- a hostile database can neither stall us nor read our files ----

def watch_others(daemon, seconds):
    """Asks pings and another database while something bad is under way; the worst time."""
    worst, end = 0.0, time.monotonic() + seconds
    with daemon.client() as c:
        while time.monotonic() < end:
            began = time.monotonic()
            assert c.ask({"op": "ping"}) == {"ok": True}
            assert c.query(NAMES, db="file")["rowcount"] == 6
            worst = max(worst, time.monotonic() - began)
    return worst


def test_endless_password_hashing_stalls_nobody(sqlite, copies):
    """libpq computes as many rounds as the server says, inside its connect call."""
    with Hostile(scram_forever(3_000_000)) as server, \
            Daemon({"bad": {"url": f"postgresql://u:pw@127.0.0.1:{server.port}/x",
                            "pool": {"connect_timeout": "1s"}},
                    "file": {"url": sqlite.url(copies(sqlite))}},
                   conf={"default_database": "file", "workers": 1}) as daemon, \
            daemon.client() as c:
        c.send({"query": NAMES, "db": "bad"})
        assert watch_others(daemon, 2.0) < 1.0
        assert "scram" in server.seen
        assert c.recv(60)["error"]["class"] in ("connection", "timeout")


def test_a_server_that_talks_nonsense_is_only_an_error(sqlite, copies):
    with Hostile(pg_without_password) as server, \
            Daemon({"bad": {"url": f"postgresql://u:pw@127.0.0.1:{server.port}/x",
                            "pool": {"connect_timeout": "1s"}},
                    "file": {"url": sqlite.url(copies(sqlite))}},
                   conf={"default_database": "file"}) as daemon, daemon.client() as c:
        for _ in range(2):
            c.send({"query": NAMES, "db": "bad", "timeout": "5s"})
            assert watch_others(daemon, 0.3) < 1.0
            assert "error" in c.recv(30)


def test_a_server_that_asks_for_a_file_gets_nothing(sqlite, copies, tmp_path):
    """MySQL's protocol lets a server ask its client for any file."""
    secret = tmp_path / "secret"
    secret.write_text("the crown jewels")
    with Hostile(local_infile(str(secret))) as server, \
            Daemon({"bad": {"url": f"mariadb://u:pw@127.0.0.1:{server.port}/x",
                            "pool": {"connect_timeout": "2s"}},
                    "file": {"url": sqlite.url(copies(sqlite))}},
                   conf={"default_database": "file"}) as daemon, daemon.client() as c:
        c.send({"query": NAMES, "db": "bad", "timeout": "5s"})
        assert "error" in c.recv(30)
        assert server.seen, "the server was never asked anything: the test tests nothing"
        assert not any(b"crown" in part for part in server.seen if isinstance(part, bytes))


# ---- JSON that other readers take, round or crash on ----

@pytest.mark.parametrize("depth", [33, 2047, 2048, 100_000])
def test_depth_is_an_error_on_a_small_stack(client, depth):
    client.send_raw(b'{"query":' + b"[" * depth + b"]" * depth + b"}\n")
    assert client.recv()["error"]["code"] == "too_deep"
    client.send_raw(b'{"query":' + b'{"not":' * depth + b"1" + b"}" * depth + b"}\n")
    assert client.recv()["error"]["code"] == "too_deep"


def test_decimals_are_never_rounded_on_the_way(fresh_db):
    """SQLite holds 15 digits: it says so instead."""
    fresh_db.sql("CREATE TABLE money (id INTEGER PRIMARY KEY, n NUMERIC(30,10));")
    long = b"12345678901234567890.0123456789"
    with fresh_db.client() as c:
        c.send_raw(b'{"query":{"insert":"money","rows":[{"id":1,"n":' + long + b"}]}}\n")
        reply = c.recv()
        if fresh_db.kind == "sqlite":
            assert reply["error"]["class"] in ("data", "unsupported"), reply
            long = b"12345.0123456789"
            c.send_raw(b'{"query":{"insert":"money","rows":[{"id":1,"n":' + long + b"}]}}\n")
            reply = c.recv()
        assert reply["rowcount"] == 1
        c.send_raw(b'{"query":{"insert":"money","rows":[{"id":2,"n":0.1}]}}\n')
        assert c.recv()["rowcount"] == 1
        query = {"select": ["n"], "from": "money", "order_by": ["id"]}
        assert c.query(query, expect="scalars")["values"] == [long.decode(), "0.1000000000"]
        c.send_raw(b'{"query":{"select":["id"],"from":"money","where":["=","n",0.1000000000]}}\n')
        assert c.recv()["rows"] == [[2]]


def test_a_literal_beyond_64_bits_is_not_rounded(client):
    for text, code in ((b"9223372036854775808", None), (b"18446744073709551616", None)):
        client.send_raw(b'{"query":{"select":["id"],"from":"users","where":["=","id",' + text
                        + b"]}}\n")
        reply = client.recv()
        assert reply.get("rows") == [] or "error" in reply, code


# ---- descriptors ----

def test_the_daemon_survives_without_spare_descriptors(make_db):
    """Opening a database connection needs one too: an error, not an end."""
    db = make_db(settings={"pool": {"size": 5, "max_overflow": 0, "timeout": "2s"}})
    with db.client() as c:
        assert c.ask({"op": "ping"}) == {"ok": True}
        limit = max(db.daemon.fds()) + 1
        subprocess.run(["prlimit", "--pid", str(db.daemon.proc.pid),
                        f"--nofile={limit}:{os.sysconf('SC_OPEN_MAX')}"], check=True)
        for _ in range(3):
            reply = c.ask({"query": NAMES})
            assert "rows" in reply or reply["error"]["class"] in ("connection", "overload",
                                                                  "timeout"), reply
            assert c.ask({"op": "ping"}) == {"ok": True}
        subprocess.run(["prlimit", "--pid", str(db.daemon.proc.pid), "--nofile=1024:1024"],
                       check=True)
        end = time.monotonic() + 15
        while "error" in c.ask({"query": NAMES}):
            assert time.monotonic() < end, "it does not recover"
            time.sleep(0.1)
