# SPDX-License-Identifier: MIT
"""Fewer connections than workers: requests run on a connection that another worker
owns, and nobody can tell."""
import socket
import struct
import threading

import pytest
from client import Closed
from heavy import endless, make_numbers

POOL = {"pool": {"size": 1, "max_overflow": 0, "timeout": "60s"}}
CONF = {"workers": 4}
CLIENTS = 8


@pytest.fixture
def narrow(make_db):
    """Four workers over one connection."""
    db = make_db(conf=CONF, settings=POOL)
    make_numbers(db)
    return db


def pool(db):
    return db.daemon.stats()["databases"]["main"]["pool"]


def number(n):
    return {"query": {"select": ["n", {"mine": ["+", "n", 0]}], "from": "numbers",
                      "where": ["=", "n", n]}}


def in_parallel(work, count=CLIENTS):
    """work(i) in threads; raises what one of them raised."""
    failed = []

    def run(i):
        try:
            work(i)
        except BaseException as e:  # told below
            failed.append(e)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def test_clients_of_all_workers_share_one_connection(narrow):
    asked = 150

    def work(i):
        with narrow.client() as c:
            for at in range(asked):
                n = (i * asked + at) % 1000 + 1
                assert c.ask(number(n))["rows"] == [[n, n]]
    in_parallel(work)
    now = pool(narrow)
    assert now["opened"] <= 8, now  # the catalog's, and the slots given to who borrows most
    assert now["borrowed"] > 0, now
    narrow.daemon.wait_until(lambda: pool(narrow)["busy"] == 0, "has nothing lent")


def test_no_client_is_served_less_than_others(narrow):
    """All ask until one of them is through; the others are not far then."""
    asked, served = 400, [0] * CLIENTS
    ready, over = threading.Barrier(CLIENTS), threading.Event()

    def work(i):
        with narrow.client() as c:
            c.query(number(i + 1)["query"])
            ready.wait()
            while served[i] < asked and not over.is_set():
                c.query(number(i + 1)["query"])
                served[i] += 1
        over.set()
    in_parallel(work)
    assert min(served) >= asked // 4, served


def test_long_results_and_writes_on_a_borrowed_connection(narrow):
    def work(i):
        with narrow.client() as c:
            for _ in range(5):
                got = c.rows({"select": ["n"], "from": "numbers", "order_by": ["n"]})
                assert [row[0] for row in got] == list(range(1, 1001))
                reply = c.query({"update": "numbers", "set": {"n": ["+", "n", 0]}, "where": ["=", "n", i + 1]})
                assert reply["rowcount"] == 1
    in_parallel(work)


def test_streams_pause_on_a_borrowed_connection(narrow):
    """Each waits for credit now and then, and so gives the connection away only when
    it is through."""
    def work(i):
        with narrow.client() as c:
            c.send({"id": i, "query": {"select": ["n"], "from": "numbers", "order_by": ["n"]},
                    "stream": {"chunk": 100, "credit": 1}})
            seen, line = [], c.recv()
            while not line.get("done"):
                assert "error" not in line, line
                if "rows" in line:
                    seen += [row[0] for row in line["rows"]]
                    c.send({"op": "more", "of": i, "credit": 1})
                line = c.recv()
            assert seen == list(range(1, 1001))
    in_parallel(work, 4)


def test_cancel_on_a_borrowed_connection_hits_nobody_else(narrow):
    stop = threading.Event()

    def bystander(i):
        with narrow.client() as c:
            while not stop.is_set():
                assert c.ask(number(i + 1))["rows"] == [[i + 1, i + 1]]

    def canceller(i):
        with narrow.client() as c:
            for at in range(10):
                c.send({"id": at, "query": endless()})
                stop.wait(0.02)
                c.send({"id": "c", "op": "cancel", "of": at})
                got = {r["id"]: r for r in c.recv_many(2)}
                assert got[at]["error"]["code"] == "cancelled", got
    watchers = [threading.Thread(target=bystander, args=(i,)) for i in range(3)]
    failed = []
    for t in watchers:
        t.start()
    try:
        in_parallel(canceller, 3)
    except BaseException as e:
        failed.append(e)
    stop.set()
    for t in watchers:
        t.join()
    assert not failed, failed
    assert pool(narrow)["opened"] <= 12


def test_clients_that_vanish_leave_the_connection_to_others(narrow):
    for _ in range(6):
        gone = narrow.client()
        gone.send({"query": endless()}, {"query": endless()})
        gone.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()  # with a reset
    in_parallel(lambda i: narrow.ask(number(i + 1))["rows"][0])
    narrow.daemon.wait_until(lambda: pool(narrow)["busy"] == 0, "has stopped what nobody wants")


def test_a_drain_ends_what_is_borrowed(narrow):
    clients = [narrow.client() for _ in range(CLIENTS)]
    for c in clients:
        c.send({"query": endless()})
    narrow.daemon.conf["limits"] = {"drain": "200ms"}
    narrow.daemon.write_conf()
    narrow.daemon.reload()
    narrow.daemon.wait_until(lambda: pool(narrow)["busy"] >= 1, "runs one of them")
    narrow.daemon.stop()
    for c in clients:
        try:
            assert c.recv()["error"]["code"] in ("shutting_down", "cancelled")
        except Closed:
            pass
        c.close()
