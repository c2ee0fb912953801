# SPDX-License-Identifier: MIT
"""Thousands of clients: a database that restarts below them, more work than it can do,
and what they cost. Figures are bench/faults, bench/overload and bench/memory; here is
what must hold on any machine, however busy."""
import socket
import threading
import time

import fixture
import pytest
from conftest import Db
from crowd import Crowd, many_files, percentile
from heavy import sanitized
from servers import KINDS

CAP = 10


def echo(nonce):
    return {"expect": "scalar",
            "query": {"select": [{"x": ["+", "id", nonce - 1]}], "from": "users",
                      "where": ["=", "id", 1]}}


def echoed(nonce, reply):
    return reply == {"id": nonce, "value": nonce}


def nap(kind, seconds):
    """A statement that takes so long."""
    text = {"postgresql": f"select 1 from pg_sleep({seconds})",
            "mariadb": f"select sleep({seconds})"}[kind]
    return lambda nonce: {"query": {"text": text}}


# ---- a restart ----
def busy_and_waiting(db, seconds):
    """Once they are none: a connection that reads share is kept a second longer."""
    until = time.monotonic() + seconds
    while True:
        pool = db.daemon.stats()["databases"]["main"]["pool"]
        found = (pool["busy"], pool["waiting"])
        if found == (0, 0) or time.monotonic() > until:
            return found
        time.sleep(0.1)


@pytest.fixture(params=sorted(KINDS))
def own(request):
    """A server that this test may stop."""
    with KINDS[request.param]() as server:
        fixture.load(server, "main")
        yield server


class Watch:
    """Counts the database's sessions, its own count and ours, as often as it can."""

    def __init__(self, server, daemon):
        self.server, self.daemon, self.stop = server, daemon, False
        self.most, self.most_told, self.looked = 0, 0, 0
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stop = True
        self.thread.join(60)

    def run(self):
        while not self.stop:
            pool = self.daemon.stats()["databases"]["main"]["pool"]
            self.most_told = max(self.most_told, pool["idle"] + pool["busy"] + pool["opening"])
            try:
                self.most = max(self.most, self.server.sessions("main"))
                self.looked += 1
            except Exception:  # it is down; that is what this is about
                time.sleep(0.05)
            time.sleep(0.02)


RESTART = {"connection_failed", "connection_lost", "shutting_down", "pool_timeout"}


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_16_restart_below_a_thousand_clients(own, how):
    """Failure 16: never more sessions than the cap; each is answered rightly, or is
    refused with a true error; and all are served again."""
    pool = {"size": CAP, "max_overflow": 0, "timeout": "30s"}
    db = Db(own, "main", settings={"pool": pool})
    try:
        with Watch(own, db.daemon) as watch, \
                Crowd(db.daemon.port, 1000, echo, echoed) as crowd:
            crowd.run(60, until=lambda: len(crowd.outcomes) > 3000)
            assert {o.code for o in crowd.outcomes} == {None}
            stopping = threading.Thread(target=own.stop if how == "restart" else own.kill)
            stopping.start()
            crowd.run(60, until=lambda: not stopping.is_alive())
            assert crowd.settle() == 0  # answers that came in time may be read late
            down = crowd.run(1.0)
            assert down and {o.code for o in down} <= RESTART, {o.code for o in down}
            own.launch()
            served = len(crowd.outcomes)
            crowd.run(60, until=lambda: sum(o.code is None
                                            for o in crowd.outcomes[served:]) > 3000)
            after = crowd.run(2.0)
            assert crowd.settle() == 0
            assert not crowd.wrong, crowd.wrong[:3]
            assert {o.code for o in crowd.outcomes} <= RESTART | {None}
            assert {o.code for o in after} == {None}, {o.code for o in after}
            assert watch.looked > 3
        assert watch.most_told <= CAP and watch.most <= CAP, (watch.most_told, watch.most)
        assert busy_and_waiting(db, 5) == (0, 0)
    finally:
        db.daemon.stop()


# ---- more work than the database can do ----

@pytest.mark.parametrize("server", ["postgresql", "mariadb"], indirect=True)
def test_overload_is_refused_at_once(make_db, server):
    """Four connections, statements of 20 ms: 200 a second. At four times as many, what is
    refused hears so at once, and what is let in waits no longer than the queue is."""
    db = make_db(settings={"pool": {"size": 4, "max_overflow": 0, "max_waiting": 8}})
    with Crowd(db.daemon.port, 400, nap(server.name, 0.02), rest=0.0) as crowd:
        crowd.run(0.5, per_second=100)
        flood = crowd.run(4.0, per_second=800)
        assert crowd.settle() == 0
        calm = crowd.run(1.0, per_second=40)
        crowd.settle()
        refused = [o.took for o in flood if o.code == "overload"]
        admitted = [o.took for o in flood if o.code is None]
        assert {o.code for o in flood} == {None, "overload"}
        assert refused and len(admitted) > 100, (len(refused), len(admitted))
        # (8 waiting + 4 running) / 200 a second; 400 clients in a queue would take 2 s
        assert percentile(refused, 0.5) < percentile(admitted, 0.5)
        assert percentile(admitted, 0.5) < 1.0, percentile(admitted, 0.5)
        assert {o.code for o in calm} == {None}
        assert not crowd.wrong
    told = db.daemon.stats()["databases"]["main"]["pool"]
    assert told["refused"] == len([o for o in crowd.outcomes if o.code == "overload"])


# ---- lines that do not end ----

class Drips:
    """Clients that send a byte of a line now and then, and never its end."""

    def __init__(self, port, count):
        many_files()
        self.left = []
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", port), 30)
            sock.setblocking(False)
            sock.send(b'{"op":"')
            self.left.append(sock)
        self.said = []

    def drip(self):
        """A byte of each; those that hear the end of their stream have gone."""
        left = []
        for sock in self.left:
            try:
                sock.send(b"x")
                text = sock.recv(4096)
            except BlockingIOError:
                left.append(sock)
                continue
            except OSError:
                text = b""
            sock.close()
            self.said.append(text)
        self.left = left


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_a_crowd_that_never_ends_its_lines(make_db):
    """2,000 drips are parted from, each with a word; who speaks meanwhile is served."""
    db = make_db(conf={"limits": {"frame_time": "2s"}})
    with Crowd(db.daemon.port, 20, echo, echoed) as crowd:
        drips = Drips(db.daemon.port, 2000)
        end = time.monotonic() + 60
        while drips.left and time.monotonic() < end:
            crowd.run(0.5, per_second=200)
            drips.drip()
        assert not drips.left, len(drips.left)
        assert crowd.settle() == 0 and not crowd.wrong
        assert {o.code for o in crowd.outcomes} == {None}
        db.daemon.wait_until(lambda: db.daemon.stats()["clients"]["now"] == 20, "are gone", 20)
    told = [text for text in drips.said if b'"line_timeout"' in text]
    assert len(told) > 1900, (len(told), drips.said[:3])


# ---- memory ----

def falls_below(daemon, limit, what):
    """Memory is given back in the seconds behind a burst."""
    if not sanitized():
        daemon.wait_until(lambda: daemon.rss() < limit, f"has at most {limit} bytes {what}", 40)


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_what_idle_and_active_clients_cost(make_db):
    """2,000 that have asked once and are silent now, then ask all at once as fast as they
    can: at most 4 KB for each while they are silent, before it and after it."""
    db = make_db()
    with Crowd(db.daemon.port, 300, echo, echoed) as warm:
        warm.run(1.0)  # what the daemon takes once
        warm.settle()
    db.daemon.wait_until(lambda: db.daemon.stats()["clients"]["now"] == 0, "is alone", 20)
    before = db.daemon.rss()
    with Crowd(db.daemon.port, 2000, echo, echoed) as crowd:
        crowd.each_once()
        falls_below(db.daemon, before + 2000 * 4096, "with 2,000 idle clients")
        crowd.run(3.0)
        assert crowd.settle() == 0 and not crowd.wrong
        falls_below(db.daemon, before + 2000 * 4096, "behind a burst")
    db.daemon.wait_until(lambda: db.daemon.stats()["clients"]["now"] == 0, "is alone", 20)
    falls_below(db.daemon, before + (4 << 20), "when they are gone")
