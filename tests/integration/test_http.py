# SPDX-License-Identifier: MIT
"""The stats endpoint, and browsers that try the other port."""
import json
import socket
import subprocess
import time

import pytest

ASK = {"query": {"select": ["id"], "from": "users"}}


def exchange(port, data, seconds=10):
    """Sends raw bytes; everything that comes back until the end."""
    with socket.create_connection(("127.0.0.1", port), seconds) as s:
        s.sendall(data)
        got = b""
        try:
            while True:
                part = s.recv(1 << 16)
                if not part:
                    return got
                got += part
        except ConnectionResetError:
            return got


def get(port, path, host="127.0.0.1", method="GET"):
    return exchange(port, f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n"
                          "Connection: close\r\n\r\n".encode())


def test_a_form_posted_to_the_port_does_nothing(fresh_db):
    """A web page can make a browser send this, with a body of its choice."""
    evil = json.dumps({"query": {"delete": "accounts", "where": True}})
    for body in (evil + "\n", "\n" + evil + "\n", evil):
        request = (f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{fresh_db.daemon.port}\r\n"
                   "Origin: https://evil.example\r\nContent-Type: text/plain\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n{body}")
        assert exchange(fresh_db.daemon.port, request.encode()) == b""
    with fresh_db.client() as c:
        assert c.query({"select": ["id"], "from": "accounts"})["rowcount"] == 2


def test_it_is_cut_off_at_its_first_byte(db):
    """Nothing needs to follow the first byte: no line, no LF."""
    before = foreign(db)
    with socket.create_connection(("127.0.0.1", db.daemon.port), 10) as s:
        s.sendall(b"P")
        assert s.recv(100) == b""
    assert foreign(db) == before + 1


def foreign(db):
    """The counter of clients closed at their first byte."""
    for line in db.daemon.http("/metrics")[1].splitlines():
        if "foreign" in line and not line.startswith("#"):
            return int(float(line.split()[-1]))
    raise AssertionError("no counter of foreign clients in /metrics")


def test_stats_are_json_that_counts(fresh_db):
    with fresh_db.client() as c:
        for _ in range(5):
            c.query(ASK["query"])
        c.fails({"query": {"select": ["nmae"], "from": "users"}})
        end = time.monotonic() + 10
        while True:
            text = json.dumps(fresh_db.daemon.stats())
            stats = json.loads(text)
            if "main" in text or time.monotonic() > end:
                break
            time.sleep(0.1)
    assert isinstance(stats, dict) and "main" in text


def test_metrics_please_promtool(db):
    db.ask(ASK)
    status, body = db.daemon.http("/metrics")
    assert status == 200
    done = subprocess.run(["promtool", "check", "metrics"], input=body, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


def test_metrics_count_requests_and_errors(fresh_db):
    def total(name):
        return sum(float(line.split()[-1]) for line in
                   fresh_db.daemon.http("/metrics")[1].splitlines()
                   if line.startswith("tribikos_" + name))
    requests, errors = total("requests_total"), total("errors_total")
    with fresh_db.client() as c:
        for _ in range(7):
            c.query(ASK["query"])
        c.fails({"query": {"select": ["nmae"], "from": "users"}})
    assert total("requests_total") == requests + 8
    assert total("errors_total") == errors + 1


def test_health_and_readiness(db):
    assert db.daemon.http("/healthz")[0] == 200
    assert db.daemon.http("/readyz")[0] == 200


def test_what_is_not_there(db):
    assert db.daemon.http("/nothing")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_reading_methods(db, method):
    got = get(db.daemon.http_port, "/stats", method=method)
    assert got.split(b"\r\n")[0].split()[1] in (b"404", b"405", b"501"), got[:100]


@pytest.mark.parametrize("host, fine", [
    ("127.0.0.1", True), ("localhost", True), ("[::1]", True), ("evil.example", False),
    ("127.0.0.1.evil.example", False), ("", False)])
def test_the_host_header_is_checked(db, host, fine):
    """A name that a web page pointed at 127.0.0.1 (DNS rebinding) reads nothing."""
    port = db.daemon.http_port
    for name in (host, f"{host}:{port}") if host else (host,):
        status = get(port, "/stats", host=name).split(b"\r\n")[0].split()[1]
        assert (status == b"200") is fine, (name, status)


def test_no_page_of_another_origin_may_read_it(db):
    got = get(db.daemon.http_port, "/stats")
    assert b"access-control-allow-origin" not in got.lower()


def test_garbage_on_the_http_port_does_no_harm(db):
    for junk in (b"\0" * 100, b'{"op":"ping"}\n', b"GET " + b"x" * 100_000 + b"\r\n\r\n",
                 b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n"):
        try:
            exchange(db.daemon.http_port, junk, 3)
        except (socket.timeout, BrokenPipeError, ConnectionResetError):
            pass
    assert db.daemon.http("/healthz")[0] == 200
    assert db.ask({"op": "ping"}) == {"ok": True}
