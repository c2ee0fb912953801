# SPDX-License-Identifier: MIT
"""What other poolers let one client do to another, on real servers.

The numbers are those of the list that the project keeps of failures to survive.
Each case here is about a connection that goes from one borrower to the next:
what is left on it, what comes too late for it, who may have it at all.
"""
import random
import signal
import struct
import threading
import time

import pytest
from client import Closed
from conftest import KINDS as ALL, Db
from daemon import Daemon
from heavy import endless, make_numbers
from wire import Wire

NAMES = {"select": ["id"], "from": "users"}
SERVERS = ["postgresql", "mariadb"]
ONE = {"size": 1, "max_overflow": 0, "timeout": "30s"}
both = pytest.mark.parametrize("server", SERVERS, indirect=True)


def echo(nonce):
    """A query whose answer is its own nonce."""
    return {"select": [{"x": ["+", "id", nonce - 1]}], "from": "users", "where": ["=", "id", 1]}


def sleep(kind, seconds):
    """A statement that takes so long and does nothing."""
    return {"text": {"postgresql": f"select pg_sleep({seconds})",
                     "mariadb": f"select sleep({seconds})"}[kind]}


@pytest.fixture
def wired(server, copies):
    """wired(**pool) → (db, wire): a daemon that reaches its server by a wire."""
    made = []

    def make(delay=0.0, **pool):
        wire = Wire(server.port, delay)
        db = Db.__new__(Db)
        db.server, db.kind, db.name = server, server.name, copies(server)
        db.url = wire.url(server, db.name)
        db.daemon = Daemon({"main": {"url": db.url, "pool": {**ONE, **pool}}})
        made.append((db, wire))
        return db, wire
    yield make
    try:
        for db, wire in made:
            wire.delay = 0.0
            db.daemon.stop()
    finally:
        for db, wire in made:
            db.daemon.kill()
            wire.__exit__()
            db.server.drop(db.name)


# ---- 2: a connection with unread bytes is never lent ----

def pg_message(kind, body):
    return kind + struct.pack(">I", len(body) + 4) + body


# What an answer to somebody else's query looks like, as far as its end.
SURPLUS = {
    "postgresql": {
        "an answer": pg_message(b"2", b"") + pg_message(b"D", struct.pack(">hi", 1, 4) + b"\0\0\0\7")
        + pg_message(b"C", b"SELECT 1\0") + pg_message(b"Z", b"I"),
        "a row": pg_message(b"D", struct.pack(">hi", 1, 4) + b"\0\0\0\7"),
        "half a row": pg_message(b"D", struct.pack(">hi", 1, 4) + b"\0\0\0\7")[:6],
        "an end": pg_message(b"Z", b"I"),
        "an error": pg_message(b"E", b"SERROR\0C57014\0Mcancelled\0\0")},
    "mariadb": {
        "an answer": bytes.fromhex("0700000100000002000000"),
        "half an answer": bytes.fromhex("07000001"),
        "an error": bytes.fromhex("0900000100") + b"\xff\x25\x05#7010"},
}


@pytest.mark.parametrize("server, what", [(s, w) for s in SERVERS for w in SURPLUS[s]],
                         indirect=["server"])
def test_2_unread_bytes_never_reach_the_next_borrower(wired, what):
    """Failure 2. A connection that has something to say while nobody asked it anything
    is out of step: what it says is nobody's answer, and it is closed."""
    db, wire = wired()
    with db.client() as c:
        assert c.query(echo(1000), expect="scalar")["value"] == 1000
        for nonce in range(2000, 2005):
            wire.inject(SURPLUS[db.kind][what])
            time.sleep(0.05)
            for more in (0, 100):
                reply = c.ask({"query": echo(nonce + more), "expect": "scalar"})
                assert reply == {"value": nonce + more}, reply


@both
def test_2_bytes_that_come_with_an_answer(wired):
    """Failure 2. They stand right behind it, so the connection is not idle when they come:
    the answer is right, and the next one is right too, or an error. (Connector/C does not
    tell what is left in its buffer.)"""
    db, wire = wired()
    kinds, right = sorted(SURPLUS[db.kind]) * 3, 0
    with db.client() as c:
        c.query(echo(1), expect="scalar")
        for nonce, what in enumerate(kinds, 3000):
            wire.append(SURPLUS[db.kind][what])
            reply = c.ask({"query": echo(nonce), "expect": "scalar"})
            assert reply == {"value": nonce}, (what, reply)
            reply = c.ask({"query": echo(-nonce), "expect": "scalar", "timeout": "300ms"})
            if "error" in reply:
                assert reply["error"]["class"] in ("connection", "timeout", "internal"), reply
            else:
                assert reply == {"value": -nonce}, (what, reply)
                right += 1
            c.query(echo(1), expect="scalar")
    assert right >= 9 or db.kind == "mariadb", right


# ---- 3: a half-sent request holds no connection ----

@pytest.mark.parametrize("server", ALL, indirect=True)
def test_3_half_sent_requests_hold_nothing(make_db):
    """Failure 3. As many clients as you like may stop in the middle of a line."""
    db = make_db(settings={"pool": ONE})
    line = b'{"query":{"insert":"tags","rows":[' + b'{"name":"x"},' * 2000
    halves = [db.client() for _ in range(40)]
    try:
        with db.client() as c:
            assert c.query(NAMES)["rowcount"] == 6
            for half in halves:
                half.send_raw(line)
            pool = db.daemon.stats()["databases"]["main"]["pool"]
            assert (pool["busy"], pool["waiting"]) == (0, 0), pool
            for _ in range(20):
                assert c.query(NAMES)["rowcount"] == 6
            if db.kind == "postgresql":
                busy = db.server.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                     f"'{db.name}' AND state <> 'idle'", "postgres")
                assert busy.strip() == "0"
            assert c.query({"select": [["count", "*"]], "from": "tags"},
                           expect="scalar")["value"] == 3
    finally:
        for half in halves:
            half.close()


# ---- 4: a cancelled call never shifts replies ----

class Fickle:
    """A client that cancels, times out and breaks off at random, and looks at every
    reply: it must be the answer to its own question."""

    def __init__(self, db, number, rounds):
        self.db, self.rng, self.rounds = db, random.Random(number), rounds
        self.base, self.wrong, self.right, self.stopped = number * 10_000, [], 0, 0

    def run(self):
        try:
            left = self.rounds
            while left > 0:
                with self.db.client(seconds=60) as c:
                    part = min(left, self.rng.randint(3, 12))
                    left -= part
                    self.some(c, part)
        except (OSError, Closed, TimeoutError, ValueError, AssertionError) as e:
            self.wrong.append(repr(e))

    def some(self, c, count):
        asked = {}
        for i in range(count):
            self.base += 1
            nonce, how = self.base, self.rng.random()
            request = {"id": nonce, "query": echo(nonce), "expect": "scalar"}
            if how < 0.3:
                request = {"id": nonce, "query": endless(nonce), "timeout": "40ms"}
            asked[nonce] = request
            c.send(request)
            if how > 0.7:
                time.sleep(self.rng.random() * 0.003)
                c.send({"id": -nonce, "op": "cancel", "of": nonce})
                asked[-nonce] = None
        if self.rng.random() < 0.2:
            c.break_off()
            return
        for _ in range(len(asked)):
            self.judge(c.recv(60), asked)

    def judge(self, reply, asked):
        request = asked.pop(reply["id"])
        code = reply.get("error", {}).get("code")
        if request is None:
            assert reply.get("ok") is True or code == "unknown_request", reply
        elif code is not None:
            assert code in ("cancelled", "timeout"), reply
            self.stopped += 1
        else:
            assert reply == {"id": request["id"], "value": request["id"]}, (request, reply)
            self.right += 1


@pytest.mark.tsan
@pytest.mark.parametrize("server", ALL, indirect=True)
def test_4_cancelled_calls_never_shift_replies(make_db):
    """Failure 4."""
    db = make_db(settings={"pool": {"size": 2, "max_overflow": 0, "timeout": "60s"}})
    make_numbers(db)
    fickle = [Fickle(db, n + 1, 60) for n in range(6)]
    threads = [threading.Thread(target=f.run) for f in fickle]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    assert not [w for f in fickle for w in f.wrong]
    assert sum(f.stopped for f in fickle) > 10
    assert sum(f.right for f in fickle) > 30


# ---- 5: a late cancel never kills the next borrower's query ----

@both
def test_5_a_cancel_that_is_late_hits_nobody_else(wired):
    """Failure 5. The cancel request travels on a connection of its own, here half a
    second longer than the statement it was meant for takes."""
    db, wire = wired()
    with db.client() as c, db.client() as other:
        assert c.query(NAMES)["rowcount"] == 6
        wire.delay = 0.5
        for i in range(3):
            c.send({"id": i, "query": sleep(db.kind, 0.2)})
            time.sleep(0.1)
            c.send({"id": "x", "op": "cancel", "of": i})
            other.send({"query": sleep(db.kind, 0.7)}, {"query": echo(i + 10), "expect": "scalar"})
            codes = [r.get("error", {}).get("code") for r in c.recv_many(2)]
            assert set(codes) <= {None, "cancelled"}, codes
            first, second = other.recv_many(2)
            assert first["rowcount"] == 1, first
            assert second == {"value": i + 10}


@pytest.mark.parametrize("server", ALL, indirect=True)
def test_5_cancels_at_the_very_end_of_a_statement(make_db):
    """Failure 5. The next borrower is already waiting for the one connection."""
    db = make_db(settings={"pool": ONE})
    with db.client() as c, db.client() as other:
        for nonce in range(1, 150):
            c.send({"id": nonce, "query": echo(nonce), "expect": "scalar"},
                   {"id": "x", "op": "cancel", "of": nonce})
            other.send({"query": echo(nonce + 5000), "expect": "scalar"})
            assert other.recv() == {"value": nonce + 5000}
            for reply in c.recv_many(2):
                code = reply.get("error", {}).get("code")
                assert code in (None, "cancelled", "unknown_request"), reply
                assert "value" not in reply or reply["value"] == nonce


# ---- 6: nothing of a session crosses to the next client ----

# (what one client does, what the next one sees, and what it must see)
LEAVES = {
    "postgresql": [
        ("select set_config('role', 'pg_monitor', false)", "select current_user", "app"),
        ("select set_config('search_path', 'nowhere', false)", "show search_path",
         '"$user", public'),
        ("select set_config('statement_timeout', '1', false)", "show statement_timeout", None),
        ("select set_config('timezone', 'Asia/Tokyo', false)", "show timezone", None),
        ("create temp table mine as select 1 as x", "select to_regclass('pg_temp.mine')::text",
         None),
        ("select pg_advisory_lock(7)",
         "select count(*) from pg_locks where locktype = 'advisory'", 0),
        ("select set_config('my.secret', 'x', false)",
         "select nullif(current_setting('my.secret', true), '')", None)],
    "mariadb": [
        ("select @secret := 7", "select @secret", None),
        ("create temporary table users (x integer)", "select count(*) from users", 6),
        ("select get_lock('mine', 0)", "select is_free_lock('mine')", 1),
        ("select last_insert_id(77)", "select last_insert_id()", "0")],
}


@both
def test_6_nothing_crosses_sessions(make_db):
    """Failure 6. One connection, so that the next client must get the same."""
    db = make_db(settings={"pool": ONE})
    if db.kind == "postgresql":
        db.server.sql("GRANT pg_monitor TO app", "postgres")
    for leaves, look, want in LEAVES[db.kind]:
        with db.client() as first:
            before = first.query({"text": look}, expect="scalar")["value"]
            assert want is None or before == want, (look, before)
        with db.client() as one:
            one.query({"text": leaves})
        with db.client() as two:
            after = two.query({"text": look}, expect="scalar")["value"]
            assert after == before, (leaves, after)


@both
def test_6_one_who_breaks_off_leaves_nothing_either(make_db):
    """Failure 6. It is gone while its statement still runs."""
    db = make_db(settings={"pool": ONE})
    leaves, look = {
        "postgresql": ("select pg_advisory_lock(7), pg_sleep(0.2)",
                       "select count(*) from pg_locks where locktype = 'advisory'"),
        "mariadb": ("select get_lock('mine', 0), sleep(0.2)", "select is_used_lock('mine')"),
    }[db.kind]
    with db.client() as c:
        before = c.query({"text": look})["rows"]
        for _ in range(3):
            gone = db.client()
            gone.send({"query": {"text": leaves}})
            time.sleep(0.05)
            gone.break_off()
            assert c.query({"text": look})["rows"] == before


# ---- 7: a connection that its server closed is replaced at the loan ----

@both
def test_7_connections_closed_by_the_server_are_replaced(wired):
    """Failure 7. Closed in order, or reset; no request notices."""
    db, wire = wired(size=4)
    with db.client() as c:
        for how in ("cut", "reset", "cut"):
            c.send(*({"id": i, "query": echo(i + 1), "expect": "scalar"} for i in range(40)))
            c.recv_many(40)
            if how == "cut":
                wire.cut_after(0)
            else:
                wire.reset()
            time.sleep(0.2)
            for nonce in range(1, 20):
                assert c.ask({"query": echo(nonce), "expect": "scalar"}) == {"value": nonce}


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_7_a_last_word_before_a_reset(wired):
    """Failure 7. A notice and a reset that come together: what is said may be said, but
    behind it there is no session, and a request that is sent there hangs."""
    db, wire = wired()
    notice = pg_message(b"N", b"SWARNING\0C57P02\0Mthe server is about to end\0\0")
    with db.client(seconds=20) as c:
        for nonce in range(10, 15):
            assert c.ask({"query": echo(nonce), "expect": "scalar"}) == {"value": nonce}
            db.daemon.signal(signal.SIGSTOP)
            wire.inject(notice)
            wire.reset()
            time.sleep(0.05)
            db.daemon.signal(signal.SIGCONT)
            time.sleep(0.05)
            assert c.ask({"query": echo(nonce + 1), "expect": "scalar"}) == {"value": nonce + 1}


@both
def test_7_answers_cut_at_any_byte(wired):
    """Failure 7. Whatever arrived, the answer is whole or an error, and the next one right."""
    db, wire = wired()
    with db.client() as c:
        assert c.query(NAMES)["rowcount"] == 6
        for count in [*range(1, 40), 64, 100, 200]:
            wire.cut_after(count)
            reply = c.ask({"query": NAMES})
            if "error" in reply:
                assert reply["error"]["code"] == "connection_lost", reply
            else:
                assert reply["rowcount"] == 6 and len(reply["rows"]) == 6
            wire.cut_after(0)  # what is left of it
            end = time.monotonic() + 20
            while "error" in (reply := c.ask({"query": echo(count), "expect": "scalar"})):
                assert time.monotonic() < end, reply
            assert reply == {"value": count}


# ---- 16: a restart with many waiters ----

@both
def test_16_a_database_that_is_down_is_tried_by_one(wired):
    """Failure 16. 200 clients ask as fast as they can; the server sees a knock now and
    then: 100 ms after the first, then ever less often."""
    db, wire = wired(size=20, max_overflow=20)
    clients = [db.client() for _ in range(200)]
    try:
        for i, c in enumerate(clients):
            c.send({"query": echo(i + 1), "expect": "scalar"})
        for i, c in enumerate(clients):
            assert c.recv() == {"value": i + 1}
        wire.refusing = True
        wire.reset()
        knocks, began, asked = len(wire.came), time.monotonic(), 0
        while time.monotonic() - began < 3:
            for c in clients:
                c.send({"query": NAMES})
            for c in clients:
                error = c.recv()["error"]
                assert error["class"] == "connection", error
                asked += 1
        knocked = len(wire.came) - knocks
        # 0.1, 0.3, 0.7, 1.5, 3.1 s; and those that were under way at the first failure
        assert 1 <= knocked <= 12 + 2 * (time.monotonic() - began), (knocked, asked)
        wire.refusing = False
        end = time.monotonic() + 20
        while "error" in (reply := clients[0].ask({"query": NAMES})):
            assert time.monotonic() < end, reply
            time.sleep(0.05)
    finally:
        for c in clients:
            c.close()
