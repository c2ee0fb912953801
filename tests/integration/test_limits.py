# SPDX-License-Identifier: MIT
"""Limits of conf, slow clients, readers who stop, and the end of file descriptors."""
import json
import os
import resource
import socket
import subprocess
import threading
import time

import pytest
from heavy import endless, make_numbers, million, sanitized

NAMES = {"select": ["id", "name"], "from": "users", "order_by": ["id"]}
PING = b'{"op":"ping"}\n'


# ---- limits of the conf file ----

def test_rows_of_a_plain_reply(make_db):
    db = make_db(conf={"limits": {"rows": 5}})
    with db.client() as c:
        error = c.fails({"query": NAMES}, "too_many_rows")
        assert error["class"] == "overload"
        assert c.query({**NAMES, "limit": 5})["rowcount"] == 5
        assert c.query(NAMES, expect="count")["value"] == 6
        c.send({"query": NAMES, "stream": {}})
        assert c.recv_many(3)[-1]["rowcount"] == 6


def test_bytes_of_a_plain_reply(make_db):
    db = make_db(conf={"limits": {"reply": "64KiB", "rows": 2_000_000}})
    make_numbers(db)
    with db.client() as c:
        assert c.fails({"query": million()}, "reply_too_large")["class"] == "overload"
        assert c.query({**million(), "limit": 3000})["rowcount"] == 3000


def test_depth(make_db):
    db = make_db(conf={"limits": {"depth": 8}})
    with db.client() as c:
        deep = ["not", ["not", ["not", ["not", ["not", ["not", ["not", "is_active"]]]]]]]
        assert c.fails({"query": {**NAMES, "where": deep}}, "too_deep")
        assert c.query({**NAMES, "where": deep[1]})["rowcount"] == 4


def test_params(make_db):
    db = make_db(conf={"limits": {"params": 10}})
    with db.client() as c:
        def several(count):
            return {"query": {**NAMES, "where": ["in", "id", [f":p{i}" for i in range(count)]]},
                    "params": {f"p{i}": i for i in range(count)}}
        assert c.ask(several(10))["rowcount"] == 6
        assert c.fails(several(11), "too_many_params")
        rows = [{"id": i, "balance": i} for i in range(100, 200)]
        assert c.ask({"query": {"insert": "accounts", "rows": ":r"},
                      "params": {"r": rows}})["rowcount"] == 100


def test_clients(make_db):
    """One too many is told why and closed; a place that comes free is used again."""
    db = make_db(conf={"limits": {"clients": 20}})
    db.daemon.wait_until(lambda: db.daemon.stats()["clients"]["now"] == 0, "is alone", 10)
    held = [db.client() for _ in range(20)]
    try:
        for c in held:
            assert c.ask({"op": "ping"}) == {"ok": True}
        with db.client() as c:
            got = c.at_end(10)
            assert b"too_many_clients" in got or got == b""
        held.pop().close()
        db.daemon.wait_until(db.daemon.answers, "takes a client again", 10)
        assert all(c.ask({"op": "ping"}) == {"ok": True} for c in held)
    finally:
        for c in held:
            c.close()


def test_requests_in_flight_wait_in_the_socket(make_db):
    """More requests than may be in flight are answered all the same, in order."""
    db = make_db(conf={"limits": {"in_flight": 4}})
    with db.client() as c:
        c.send(*({"query": {**NAMES, "where": ["=", "id", i % 6 + 1]}, "id": i}
                 for i in range(500)))
        replies = {r["id"]: r for r in c.recv_many(500)}
        assert all(replies[i]["rows"][0][0] == i % 6 + 1 for i in range(500))


def test_memory_of_requests(make_db):
    """Requests that together need more than limits.memory are refused, one by one."""
    db = make_db(conf={"limits": {"memory": "32MiB"}})
    with db.client(seconds=60) as c:
        line = (b'{"query":{"select":["id"],"from":"users","where":["in","id",":a"]},"params":'
                b'{"a":[' + b"0," * 2_000_000 + b"0]}}\n")
        for _ in range(3):
            c.send_raw(line)
            assert c.recv(60)["error"]["class"] in ("overload", "protocol")
        assert c.query(NAMES)["rowcount"] == 6


def test_pool_timeout_and_full_queue(make_db):
    db = make_db(settings={"pool": {"size": 1, "max_overflow": 0, "timeout": "300ms"}})
    make_numbers(db)
    with db.client() as c, db.client() as other:
        c.send({"id": 1, "query": endless()}, {"id": 2, "op": "ping"})
        c.recv()
        began = time.monotonic()
        error = other.fails({"query": NAMES}, "pool_timeout")
        assert error["class"] == "timeout" and 0.2 < time.monotonic() - began < 5
        c.send({"op": "cancel", "of": 1})
        c.recv_many(2)
        assert other.query(NAMES)["rowcount"] == 6


@pytest.mark.tsan
def test_the_pool_never_opens_more_than_it_may(make_db):
    """size + max_overflow holds over all workers, whatever comes at once."""
    db = make_db(conf={"workers": 2}, settings={"pool": {"size": 2, "max_overflow": 1,
                                                         "timeout": "30s"}})
    if db.kind == "sqlite":
        def sessions():
            target = os.path.realpath(db.server.path(db.name))
            return sum(1 for to in db.daemon.fds().values() if to == target)
    else:
        def sessions():
            return db.server.sessions(db.name)
    clients = [db.client(seconds=60) for _ in range(40)]
    most = 0
    for c in clients:
        c.send(*({"query": {**NAMES, "where": ["=", "id", ["-", 3, 2]]}, "id": i}
                 for i in range(50)))
    for i, c in enumerate(clients):
        replies = c.recv_many(50)
        assert all(r["rows"] == [[1, "Ahmad"]] for r in replies), replies[0]
        if i % 10 == 0:
            most = max(most, sessions())
        c.close()
    assert 1 <= most <= 3


# ---- slow clients ----

def test_a_thousand_slow_clients_do_no_harm(db):
    """Each sends a byte a second of a request that never ends; others see nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    slow = []
    try:
        for _ in range(1000):
            s = socket.create_connection(("127.0.0.1", db.daemon.port), 10)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            slow.append(s)
        text, worst, count = b'{"op":"ping","id":"' + b"x" * 100, 0.0, 0
        for step in range(4):
            for s in slow:
                s.sendall(text[step:step + 1])
            end = time.monotonic() + 1
            with db.client() as c:
                while time.monotonic() < end:
                    began = time.monotonic()
                    assert c.query(NAMES)["rowcount"] == 6
                    worst = max(worst, time.monotonic() - began)
                    count += 1
        assert count > 100 and worst < 1.0, (count, worst)
        for s in slow[:5]:
            s.sendall(text[4:] + b'"}\n')
            assert s.recv(1000).startswith(b'{"id":"xxx')
    finally:
        for s in slow:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Unread:
    """A client that asks for a million rows, reads the beginning, then nothing more."""

    def __init__(self, db):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.sock.settimeout(20)
        self.sock.connect(("127.0.0.1", db.daemon.port))
        self.sock.sendall(json.dumps({"id": 1, "query": million(), "stream": {}}).encode() + b"\n")
        assert self.sock.recv(10)

    def close(self):
        self.sock.close()


def test_as_many_stopped_readers_as_connections(make_db):
    """Each costs at most its buffer, and others are still served."""
    db = make_db(settings={"pool": {"size": 4, "max_overflow": 0, "timeout": "30s"}},
                 conf={"limits": {"output_buffer": "1MiB", "paused": "1s"}})
    make_numbers(db)
    with db.client() as c:
        assert c.query(NAMES)["rowcount"] == 6
        before = db.daemon.rss()
        stopped = [Unread(db) for _ in range(4)]
        try:
            time.sleep(0.5)
            began = time.monotonic()
            for _ in range(20):
                assert c.query(NAMES, seconds=40)["rowcount"] == 6
            assert time.monotonic() - began < 20
            grown = db.daemon.rss() - before
            if not sanitized():
                # 1 MiB each, twice while a write is under way, and the drivers' own
                assert grown < 4 * (2 << 20) + (8 << 20), grown
        finally:
            for each in stopped:
                each.close()
        assert c.query(NAMES)["rowcount"] == 6


# ---- file descriptors ----

def set_fd_limit(pid, count):
    subprocess.run(["prlimit", "--pid", str(pid), f"--nofile={count}:{count}"], check=True)


def test_file_descriptors_run_out(make_db):
    """Refused and counted; those who are connected notice nothing."""
    db = make_db()
    with db.client() as c:
        assert c.query(NAMES)["rowcount"] == 6
        set_fd_limit(db.daemon.proc.pid, len(db.daemon.fds()) + 30)
        crowd = []
        try:
            for _ in range(120):
                s = socket.create_connection(("127.0.0.1", db.daemon.port), 10)
                s.settimeout(10)
                crowd.append(s)
            for _ in range(20):
                assert c.query(NAMES)["rowcount"] == 6
            served = refused = 0
            for s in crowd:
                try:
                    s.sendall(PING)
                    answer = s.recv(4096)
                except OSError:
                    answer = b""
                served += answer.startswith(b'{"ok":true}')
                refused += not answer.startswith(b'{"ok":true}')
            assert refused > 0 and served + refused == 120, (served, refused)
        finally:
            for s in crowd:
                s.close()
        assert db.daemon.proc.poll() is None
        db.daemon.wait_until(db.daemon.answers, "takes clients again", 15)
        assert c.query(NAMES)["rowcount"] == 6
        body = db.daemon.http("/metrics")[1]
        counted = [float(line.split()[-1]) for line in body.splitlines()
                   if "refused" in line and not line.startswith("#")]
        assert counted and max(counted) > 0, "no counter of refused clients grew"


@pytest.mark.tsan
def test_clients_come_and_go(db):
    """Descriptors and threads do not grow with the number of clients there were."""
    with db.client() as c:
        c.query(NAMES)
    fds, threads = len(db.daemon.fds()), db.daemon.threads()

    def visit():
        for i in range(60):
            with db.client() as c:
                if i % 3 == 0:
                    c.send_raw(b'{"half')
                elif i % 3 == 1:
                    c.send({"query": NAMES})
                else:
                    assert c.query(NAMES)["rowcount"] == 6
    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for v in visitors:
        v.start()
    for v in visitors:
        v.join()
    # The pool may have grown to its 15 connections, of three descriptors and a thread each
    # at most; each of the three kinds of visit was made 80 times.
    db.daemon.wait_until(lambda: len(db.daemon.fds()) <= fds + 60, "closes what clients left")
    assert db.daemon.threads() <= threads + 15


def test_many_small_requests_in_one_write(client):
    client.send_raw(PING * 20_000)
    for _ in range(20_000):
        assert client.recv_line() == b'{"ok":true}'


def test_a_client_that_never_reads_its_pings_is_held_back(db):
    """The daemon stops reading from it rather than keeping answers without end."""
    s = socket.create_connection(("127.0.0.1", db.daemon.port), 10)
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        s.setblocking(False)
        sent, end = 0, time.monotonic() + 10
        line = b'{"id":"' + b"x" * 1000 + b'","op":"ping"}\n'
        stuck = None
        while time.monotonic() < end:
            try:
                sent += s.send(line * 64)
                stuck = None
            except BlockingIOError:
                stuck = stuck or time.monotonic()
                if time.monotonic() - stuck > 1:
                    break
                time.sleep(0.02)
        assert stuck is not None and sent < 64 << 20, sent
    finally:
        s.close()
    assert db.ask({"op": "ping"}) == {"ok": True}


@pytest.mark.parametrize("size", [1, 2, 7, 4096, 65536, 65537, 262_143])
def test_requests_cut_anywhere(client, size):
    """Lines arrive in pieces of every size and are put together."""
    request = b'{"id":"' + b"z" * 300 + b'","op":"ping"}\n'
    data = request * (400 if size < 10 else 4000)
    data = data[:len(data) // (50 if size == 1 else 1)]
    data = data[:data.rfind(b"\n") + 1]
    count = data.count(b"\n")
    reader = threading.Thread(target=lambda: [client.recv_line() for _ in range(count)])
    reader.start()
    for i in range(0, len(data), size):
        client.sock.sendall(data[i:i + size])
    reader.join(30)
    assert not reader.is_alive()
