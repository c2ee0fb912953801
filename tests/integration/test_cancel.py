# SPDX-License-Identifier: MIT
"""Cancels at any moment and in any place stop what they are meant for, and nothing else."""
import random
import threading
import time

import pytest
from conftest import KINDS
from heavy import endless, make_numbers

ONE = {"pool": {"size": 1, "max_overflow": 0, "timeout": "60s"}}
every = pytest.mark.parametrize("server", KINDS, indirect=True)
postgresql = pytest.mark.parametrize("server", ["postgresql"], indirect=True)
ROUNDS = 500


def by_key(nonce):
    """A read that may share a connection, and be fused with others like it."""
    return {"select": ["n"], "from": "numbers", "where": ["=", "n", nonce]}, [[nonce]]


def plain(nonce):
    """A read that has the connection to itself."""
    return {"select": [["count", "*"]], "from": "numbers", "where": ["<=", "n", nonce]}, [[nonce]]


def write(nonce):
    return {"update": "numbers", "set": {"n": ["+", "n", 0]}, "where": ["=", "n", nonce]}, None


MIXES = {"reads that share": [by_key], "reads that do not": [plain],
         "all sorts": [by_key, plain, write]}


class Worker(threading.Thread):
    def __init__(self, db, number, mix, stop):
        super().__init__()
        self.db, self.rng, self.mix, self.stop = db, random.Random(number), mix, stop
        self.wrong, self.right, self.cancelled = [], 0, 0

    def run(self):
        try:
            with self.db.client(seconds=60) as c:
                self.work(c)
        except BaseException as e:  # told by the test
            self.wrong.append(repr(e))

    def ask(self, c, number):
        nonce = self.rng.randint(1, 1000)
        query, want = self.rng.choice(self.mix)(nonce)
        c.send({"id": number, "query": query})
        return want

    def judge(self, reply, want):
        assert "error" not in reply, reply
        assert reply.get("rows") == want and reply["rowcount"] == 1, (reply, want)
        self.right += 1


class Bystander(Worker):
    def work(self, c):
        number = 0
        while not self.stop.is_set():
            number += 1
            want = self.ask(c, number)
            reply = c.recv()
            assert reply["id"] == number, reply
            self.judge(reply, want)


class Canceller(Worker):
    def work(self, c):
        for number in range(1, ROUNDS + 1):
            want = self.ask(c, number)
            time.sleep(self.rng.choice([0, 0, self.rng.random() * 0.002]))
            c.send({"id": -number, "op": "cancel", "of": number})
            got = {r["id"]: r for r in c.recv_many(2)}
            assert set(got) == {number, -number}, got
            if "error" in got[number]:
                assert got[number]["error"]["code"] == "cancelled", got
                self.cancelled += 1
            else:
                self.judge(got[number], want)


@every
@pytest.mark.parametrize("mix", sorted(MIXES))
def test_nobody_who_did_not_cancel_is_cancelled(make_db, mix):
    """One connection for all, and cancels all the time."""
    db = make_db(conf={"workers": 2}, settings=ONE)
    make_numbers(db)
    stop = threading.Event()
    bystanders = [Bystander(db, n, MIXES[mix], stop) for n in range(4)]
    cancellers = [Canceller(db, n, MIXES[mix], stop) for n in range(100, 103)]
    for t in bystanders + cancellers:
        t.start()
    for t in cancellers:
        t.join()
    stop.set()
    for t in bystanders:
        t.join()
    assert not [w for t in bystanders + cancellers for w in t.wrong]
    assert all(t.right > 0 for t in bystanders)
    assert sum(t.cancelled for t in cancellers) > 0


@pytest.fixture
def held(make_db):
    """A database whose one connection somebody has: db, who (its statement is `long`)."""
    db = make_db(settings=ONE)
    make_numbers(db)
    holder = db.client(seconds=60)
    holder.query(plain(1)[0])
    holder.send({"id": "long", "query": endless()})
    db.daemon.wait_until(lambda: pool(db)["busy"] == 1, "runs it")
    yield db, holder
    holder.close()


def pool(db):
    return db.daemon.stats()["databases"]["main"]["pool"]


def cancelled(c, request_id):
    """Cancels it; both answers have come."""
    c.send({"id": "c", "op": "cancel", "of": request_id})
    got = {r["id"]: r for r in c.recv_many(2)}
    assert got["c"]["ok"] is True, got
    assert got[request_id]["error"]["code"] == "cancelled", got


@postgresql
@pytest.mark.parametrize("query", [by_key(7)[0], plain(7)[0]])
def test_a_request_in_the_queue_of_the_pool(held, query):
    db, holder = held
    with db.client() as c:
        c.send({"id": 1, "query": query})
        db.daemon.wait_until(lambda: pool(db)["waiting"] == 1, "lets it wait")
        cancelled(c, 1)
        assert pool(db)["waiting"] == 0
        cancelled(holder, "long")  # it went on all the time
        assert c.query(query)["rowcount"] == 1


@postgresql
def test_a_request_in_the_queue_of_a_transaction(make_db):
    db = make_db(settings=ONE)
    make_numbers(db)
    with db.client() as c:
        assert "error" not in c.ask({"op": "begin", "tx": "t"})
        c.send({"id": "long", "tx": "t", "query": endless()},
               {"id": 1, "tx": "t", "query": write(1)[0]})
        db.daemon.wait_until(lambda: pool(db)["busy"] == 1, "runs the first")
        cancelled(c, 1)
        cancelled(c, "long")
        c.ask({"op": "rollback", "tx": "t"})
        assert c.query(plain(7)[0])["rows"] == [[7]]
        db.daemon.wait_until(lambda: pool(db)["busy"] == 0, "has nothing lent")
        assert pool(db)["opened"] <= 2


@postgresql
def test_a_stream_that_waits_for_credit(make_db):
    db = make_db(settings=ONE)
    make_numbers(db)
    with db.client() as c, db.client() as other:
        c.send({"id": 1, "query": {"select": ["n"], "from": "numbers"},
                "stream": {"chunk": 10, "credit": 1}})
        lines = c.recv_many(2)  # the head and one chunk, then it waits
        assert len(lines[1]["rows"]) == 10
        cancelled(c, 1)
        assert other.query(plain(7)[0])["rows"] == [[7]]
        assert c.query(by_key(8)[0])["rows"] == [[8]]
