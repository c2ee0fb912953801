# SPDX-License-Identifier: MIT
"""Databases that die and networks that fall silent, and how soon that is noticed.

Bounds are generous, for machines that are busy; bench/faults prints the figures.
"""
import contextlib
import os
import signal
import socket
import time
import types

import fixture
import pytest
from client import Client
from conftest import Db
from daemon import Daemon
from guard import descendants
from heavy import endless, make_numbers, million
from servers import KINDS
from silence import Silence

NAMES = {"select": ["id"], "from": "users"}
both = pytest.mark.parametrize("server", sorted(KINDS), indirect=True)


def nap(kind, seconds):
    return {"text": {"postgresql": f"select 1 from pg_sleep({seconds})",
                     "mariadb": f"select sleep({seconds})"}[kind]}


@pytest.fixture
def behind_a_cable(server, sqlite, copies):
    """(net, daemon): `main` is behind the cable, `file` is not."""
    name = copies(server)
    with Silence(server.port) as net:
        databases = {"main": {"url": net.url(server, name),
                              "pool": {"size": 4, "max_overflow": 0}},
                     "file": {"url": sqlite.url(copies(sqlite))}}
        with Daemon(databases, conf={"default_database": "main"}, prefix=net.prefix) as daemon:
            yield net, daemon
    server.drop(name)


def answers_again(c, seconds=30):
    end = time.monotonic() + seconds
    while "error" in (reply := c.ask({"query": NAMES, "timeout": "5s"})):
        assert time.monotonic() < end, reply
        time.sleep(0.05)


@both
def test_a_network_that_falls_silent(behind_a_cable, server):
    """Statements that wait for an answer end in some five seconds though they may take a
    minute; what asks another database notices nothing; it is found again by itself."""
    net, daemon = behind_a_cable
    with daemon.client(unix=True) as c, daemon.client(unix=True) as other:
        assert c.query(NAMES)["rowcount"] == 6
        c.send(*({"id": i, "query": nap(server.name, 60), "timeout": "60s" if net.is_real
                  else "3s"} for i in range(3)))
        time.sleep(0.5)
        net.pull()
        began = time.monotonic()
        try:
            while time.monotonic() - began < 2:
                asked = time.monotonic()
                assert other.query(NAMES, db="file")["rowcount"] == 6
                assert time.monotonic() - asked < 1.0
                time.sleep(0.01)
            errors = [r["error"] for r in c.recv_many(3, 30)]
            assert {e["code"] for e in errors} <= {"connection_lost", "commit_unknown",
                                                   "timeout"}, errors
            assert time.monotonic() - began < 20
            for _ in range(3):  # and nobody waits for it for ever
                error = c.fails({"query": NAMES, "timeout": "2s"})
                assert error["class"] in ("connection", "timeout"), error
        finally:
            net.mend()
        answers_again(c)


@both
def test_a_write_into_a_silent_network_is_unknown(behind_a_cable, server):
    """Nobody can know whether it arrived."""
    net, daemon = behind_a_cable
    with daemon.client(unix=True) as c:
        write = {"update": "accounts", "set": {"balance": ["+", "balance", 0]}, "where": True}
        assert "error" not in c.ask({"query": write})
        net.pull()
        try:
            error = c.fails({"query": write, "timeout": "60s" if net.is_real else "3s"})
            assert error["code"] == "commit_unknown" and error["retry"] is False, error
        finally:
            net.mend()
        answers_again(c)


@both
def test_idle_connections_into_a_silent_network(behind_a_cable):
    """They are found dead before anybody asks; requests get new ones."""
    net, daemon = behind_a_cable
    with daemon.client(unix=True) as c:
        c.send(*({"id": i, "query": NAMES} for i in range(20)))
        c.recv_many(20)
        net.pull()
        try:
            time.sleep(7 if net.is_real else 0)
        finally:
            net.mend()
        if not net.is_real:
            net.wire.reset()
        answers_again(c)


# ---- clients behind a cable ----

LISTENS = """
listen: [{{tcp: "{host}:{{port}}"}}, {{unix: "{{socket}}"}}]
listen_unprotected: true
workers: 2
limits: {{client_keepalive: 5s, tx_idle: 1h, tx_total: 1h, paused: 1h}}
databases: {{main: {{url: "{url}", pool: {{size: 5, statement_timeout: 1h}}}}}}
"""


@pytest.fixture
def far_clients(server, copies):
    """(net, daemon, client): client() is a new client, who is behind the cable."""
    name = copies(server)
    make_numbers(types.SimpleNamespace(sql=lambda text: server.load(text, name)))
    with Silence(1) as net:
        host = net.there if net.is_real else "127.0.0.1"
        text = LISTENS.format(host=host, url=server.url(name))
        with Daemon(text=text, prefix=net.prefix) as daemon:
            yield net, daemon, lambda: Client((host, daemon.port))
    server.drop(name)


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_1_a_client_that_vanishes_is_found(far_clients):
    """Failure 1. Idle, in a transaction, at work, while its answer is on the way and while it
    reads nothing: each is gone within limits.client_keepalive and little more, and what it
    held is free."""
    net, daemon, client = far_clients
    write = {"query": {"update": "users", "set": {"name": {"value": "far"}},
                       "where": ["=", "id", 1]}}
    with contextlib.ExitStack() as stack:
        far = [stack.enter_context(client()) for _ in range(5)]
        near = stack.enter_context(daemon.client(unix=True))
        _, writer, works, asks, reads = far
        assert all(c.query(NAMES)["rowcount"] == 6 for c in far)
        writer.send({"op": "begin", "tx": 1}, {**write, "tx": 1})
        replies = writer.recv_many(2)
        assert replies[1].get("rowcount") == 1, replies
        works.send({"query": endless()})
        reads.send({"query": million(), "stream": {}})
        asks.send({"query": endless(1), "timeout": "1s"})

        def told(name):
            return near.ask({"op": "stats"})["stats"]["databases"]["main"]["pool"][name]
        daemon.wait_until(lambda: told("busy") >= 3, "is at work")
        net.pull()
        try:
            if not net.is_real:
                for c in far:
                    c.break_off()
            daemon.wait_until(lambda: near.ask({"op": "stats"})["stats"]["clients"]["now"] == 1,
                              "has found that they are gone", 60)
            daemon.wait_until(lambda: told("busy") == 0, "has stopped their work", 60)
            assert near.ask(write) == {"rowcount": 1}
        finally:
            net.mend()


# ---- a server that takes its time to read ----

@both
def test_a_server_that_reads_nothing_for_seconds_is_not_dead(make_db):
    """It works on the first of many writes, which waits for a lock; what is sent behind it
    fills all buffers. That is no silence: its kernel answers."""
    db = make_db()
    kind = "TEXT" if db.kind == "postgresql" else "LONGTEXT"
    db.sql(f"CREATE TABLE big (id INTEGER PRIMARY KEY, t {kind}); INSERT INTO big VALUES (1, 'a')")
    with db.client(seconds=60) as c, db.client() as holder:
        lock = {"postgresql": "with l as (select * from big where id = 1 for update) "
                              "select pg_sleep(8) from l",
                "mariadb": "update big set t = if(sleep(8) = 0, t, t) where id = 1"}[db.kind]
        holder.send({"query": {"text": lock}})
        time.sleep(1)
        text = "x" * 200_000
        c.send({"query": {"update": "big", "set": {"t": ":t"}, "where": ["=", "id", ":i"]},
                "params": [{"t": text, "i": i + 1} for i in range(60)]})
        reply = c.recv(60)
        assert reply.get("rowcount") == 1, reply
        holder.recv(60)


# ---- a server process that is killed ----

@pytest.fixture(params=sorted(KINDS))
def own(request):
    """A server that this test may kill."""
    with KINDS[request.param]() as server:
        fixture.load(server, "main")
        yield server


def test_a_killed_backend_is_noticed_at_once(own):
    """kill -9 of the process that works on a statement (MariaDB has but one)."""
    db = Db(own, "main", settings={"pool": {"size": 3, "max_overflow": 0}})
    try:
        with db.client() as c:
            assert c.query(NAMES)["rowcount"] == 6
            c.send({"id": 1, "query": nap(own.name, 60), "timeout": "60s"})
            time.sleep(0.5)
            victim = own.proc.pid
            if own.name == "postgresql":
                victim = int(own.sql("SELECT pid FROM pg_stat_activity WHERE query LIKE "
                                     "'%pg_sleep(60)%' AND pid <> pg_backend_pid()", "postgres"))
                assert victim in descendants(own.proc.pid)
            began = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            error = c.recv(20)["error"]
            assert error["code"] in ("connection_lost", "commit_unknown"), error
            assert time.monotonic() - began < 5
            if own.name == "mariadb":
                own.kill()
                own.start()
            answers_again(c, 60)
    finally:
        db.daemon.stop()
