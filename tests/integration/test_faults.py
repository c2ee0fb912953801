# SPDX-License-Identifier: MIT
"""Databases that die, stall, refuse or lock, under load, and come back."""
import random
import socket
import sqlite3
import threading
import time

import fixture
import pytest
from client import Closed
from conftest import Db
from daemon import Daemon
from heavy import endless, make_numbers
from servers import KINDS, PASSWORD, ServerError, free_port

NAMES = {"select": ["id"], "from": "users"}
FAULTS = {"connection_failed", "connection_lost", "shutting_down", "pool_timeout", "timeout"}


@pytest.fixture(scope="module", params=sorted(KINDS))
def own(request):
    """A server of these tests' own: it is killed now and then. Commits are durable
    against the death of its processes, so that acknowledged writes can be asked for."""
    with KINDS[request.param]() as server:
        fixture.load(server, "main")
        yield server


def durable(server):
    if server.name == "mariadb":
        server.sql("SET GLOBAL innodb_flush_log_at_trx_commit = 2", "mysql")
        return {}
    return {"on_connect": ["SET synchronous_commit = on"]}


@pytest.fixture
def faulty(own):
    """(db, server): a daemon before the server that is about to suffer."""
    if not own.running():
        own.start()
    own.sql("DROP TABLE IF EXISTS numbers; DROP TABLE IF EXISTS marks;", "main")
    db = Db(own, "main", settings={**durable(own), "pool": {"size": 4, "max_overflow": 0,
                                                            "timeout": "5s"}})
    make_numbers(db)
    yield db
    db.daemon.stop()


class Load:
    """Clients that ask with a nonce of their own and look at what comes back."""

    def __init__(self, db, count=6, writes=False):
        self.db, self.stop, self.writes = db, False, writes
        self.right, self.failed, self.wrong = 0, [], []
        self.acked, self.unknown = [], []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(count)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *exc):
        self.stop = True
        for t in self.threads:
            t.join(60)

    def run(self, number):
        rng = random.Random(number)
        try:
            with self.db.client() as c:
                while not self.stop:
                    self.ask(c, rng, number)
        except (OSError, Closed, TimeoutError, ValueError) as e:
            self.wrong.append(f"the client's own connection: {e!r}")

    def ask(self, c, rng, number):
        nonce = rng.randrange(10 ** 6) * 100 + number
        if self.writes:
            reply = c.ask({"id": nonce, "query": {"insert": "marks", "rows": [{"id": nonce}]}})
            ok = {"id": nonce, "rowcount": 1, "keys": [[nonce]]}
        else:
            n = rng.randint(1, 1000)
            reply = c.ask({"id": nonce, "query": {
                "select": [{"x": ["+", "n", nonce]}], "from": "numbers", "where": ["=", "n", n]},
                "expect": "scalar"})
            ok = {"id": nonce, "value": n + nonce}
        with self.lock:
            self.judge(reply, ok, nonce)

    def judge(self, reply, ok, nonce):
        code = reply.get("error", {}).get("code")
        if reply == ok:
            self.right += 1
            self.acked.append(nonce)
        elif reply.get("id") != nonce or code is None:
            self.wrong.append((ok, reply))
        elif code == "commit_unknown" and self.writes:
            self.unknown.append(nonce)
            self.failed.append(code)
        elif code in FAULTS:
            self.failed.append(code)
        elif code != "unique_violation":
            self.wrong.append((ok, reply))

    def wait_right(self, more, seconds=20):
        """Waits for that many more right answers."""
        want, end = self.right + more, time.monotonic() + seconds
        while self.right < want:
            assert time.monotonic() < end, \
                f"{self.right} of {want} right answers; last faults {self.failed[-5:]}"
            time.sleep(0.01)


def test_the_server_is_killed_under_load(faulty):
    with Load(faulty) as load:
        for _ in range(3):
            load.wait_right(300)
            faulty.server.kill()
            time.sleep(0.5)
            faulty.server.start()
            load.wait_right(300)
    assert not load.wrong, load.wrong[:3]
    assert load.failed  # it was noticed
    assert faulty.ask({"query": NAMES})["rowcount"] == 6


def test_the_server_is_killed_under_writes(faulty):
    """Acknowledged writes are there, refused ones are not, unknown may be either."""
    faulty.sql("CREATE TABLE marks (id BIGINT PRIMARY KEY);")
    with Load(faulty, writes=True) as load:
        for _ in range(2):
            load.wait_right(100)
            faulty.server.kill()
            faulty.server.start()
            durable(faulty.server)
            load.wait_right(100)
    assert not load.wrong, load.wrong[:3]
    with faulty.client() as c:
        c.send({"query": {"select": ["id"], "from": "marks"}, "stream": {"chunk": 10_000}})
        stored = set()
        while "done" not in (line := c.recv(60)):
            stored.update(r[0] for r in line.get("rows", ()))
    acked, unknown = set(load.acked), set(load.unknown)
    assert acked <= stored, f"lost: {len(acked - stored)}"
    assert stored <= acked | unknown, f"phantoms: {len(stored - acked - unknown)}"


def end_sessions(server):
    """Ends every session of the daemon, as an administrator would."""
    if server.name == "postgresql":
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                   "WHERE datname = 'main' AND pid <> pg_backend_pid()", "postgres")
        return
    ids = server.sql("SELECT id FROM information_schema.processlist WHERE user = 'app'", "mysql")
    for each in ids.split():
        kill_one(server, each)


def kill_one(server, ident):
    try:
        server.sql(f"KILL {ident}", "mysql")
    except ServerError as e:  # it may be gone by itself
        assert "Unknown thread" in str(e), e


@pytest.mark.tsan
def test_single_sessions_are_ended_under_load(faulty):
    with Load(faulty) as load:
        for _ in range(8):
            load.wait_right(100)
            end_sessions(faulty.server)
        load.wait_right(200)
    assert not load.wrong, load.wrong[:3]


def test_sessions_ended_while_idle_are_replaced_unseen(faulty):
    """pre_ping is off: the closed socket itself is noticed before a loan."""
    with faulty.client() as c:
        c.send(*[{"query": NAMES, "id": i} for i in range(50)])
        c.recv_many(50)
        for _ in range(3):
            end_sessions(faulty.server)
            time.sleep(0.3)
            for _ in range(10):
                assert c.query(NAMES)["rowcount"] == 6


def test_a_database_that_is_down_is_an_error_at_once(faulty):
    with faulty.client() as c:
        assert c.query(NAMES)["rowcount"] == 6
        faulty.server.kill()
        c.ask({"query": NAMES})
        for _ in range(20):
            began = time.monotonic()
            error = c.fails({"query": NAMES})
            assert error["class"] == "connection" and error["retry"] is True, error
            assert error["db"] == "main"
            assert time.monotonic() - began < 1.0
        assert PASSWORD not in str(error)
        faulty.server.start()
        end = time.monotonic() + 10
        while "error" in c.ask({"query": NAMES}):
            assert time.monotonic() < end, "it does not recover by itself"
            time.sleep(0.05)


def test_a_write_that_was_under_way_is_unknown(faulty):
    """The server dies before it has answered: nobody knows."""
    faulty.sql("CREATE TABLE marks (id INTEGER PRIMARY KEY, n INTEGER);"
               "INSERT INTO marks VALUES (1, 0);")
    with faulty.client() as c, faulty.client() as reader:
        # The write takes minutes: n becomes a count over a product.
        query = {"update": "marks", "set": {"n": endless()}, "where": ["=", "id", 1]}
        c.send({"id": "w", "query": query}, {"id": "r", "query": endless()})
        time.sleep(0.7)
        faulty.server.kill()
        replies = {r["id"]: r["error"] for r in c.recv_many(2, 30)}
        faulty.server.start()
        assert replies["w"]["code"] == "commit_unknown", replies
        assert replies["w"]["class"] == "connection" and replies["w"]["retry"] is False
        assert replies["r"]["code"] == "connection_lost" and replies["r"]["retry"] is True
        end = time.monotonic() + 10
        while "error" in (reply := reader.ask({"query": {"select": ["n"], "from": "marks"}})):
            assert time.monotonic() < end, reply
            time.sleep(0.05)
        assert reply["rows"] == [[0]]


def test_a_server_that_stalls_holds_up_only_its_own(own, sqlite, copies):
    """SIGSTOP: connections stay open, nothing answers. Timeouts hold, pings and other
    databases do not notice; when it goes on, so do we."""
    if not own.running():
        own.start()
    with Daemon({"main": {"url": own.url("main"), "pool": {"size": 2, "max_overflow": 1}},
                 "file": {"url": sqlite.url(copies(sqlite))}}) as daemon, \
            daemon.client() as c, daemon.client() as other:
        assert c.query(NAMES)["rowcount"] == 6
        own.pause()
        try:
            c.send(*({"id": i, "query": NAMES, "timeout": "1s"} for i in range(6)))
            for _ in range(50):
                began = time.monotonic()
                assert other.ask({"op": "ping"}) == {"ok": True}
                assert other.query(NAMES, db="file")["rowcount"] == 6
                assert time.monotonic() - began < 1.0
            began = time.monotonic()
            for reply in c.recv_many(6, 20):
                assert reply["error"]["class"] in ("timeout", "connection"), reply
            assert time.monotonic() - began < 15
        finally:
            own.resume()
        end = time.monotonic() + 15
        while "error" in c.ask({"query": NAMES}):
            assert time.monotonic() < end, "it does not recover by itself"
            time.sleep(0.05)


def test_started_while_the_database_is_down(own, sqlite, copies):
    own.kill()
    with Daemon({"main": {"url": own.url("main")},
                 "file": {"url": sqlite.url(copies(sqlite))}}) as daemon, daemon.client() as c:
        try:
            assert c.fails({"query": NAMES})["class"] == "connection"
            assert c.query(NAMES, db="file")["rowcount"] == 6
        finally:
            own.start()
        end = time.monotonic() + 15
        while "error" in c.ask({"query": NAMES}):
            assert time.monotonic() < end, "it does not find the server"
            time.sleep(0.05)


def test_a_wrong_password_is_told_without_it(own):
    if not own.running():
        own.start()
    url = own.url("main").replace("s3cret", "wr0ngpass")
    with Daemon({"main": {"url": url}}, conf={"log": {"level": "debug"}}) as daemon:
        error = daemon.ask({"query": NAMES})["error"]
        assert error["code"] == "connection_failed"
        text = str(error) + daemon.log() + daemon.http("/stats")[1] + daemon.http("/metrics")[1]
        assert "wr0ngpass" not in text and "/?#@" not in text and "%2F%3F" not in text


def test_a_port_where_nobody_listens(own):
    port = free_port()
    with Daemon({"main": {"url": f"{own.name}://app:x@127.0.0.1:{port}/main"}}) as daemon:
        began = time.monotonic()
        error = daemon.ask({"query": NAMES})["error"]
        assert error["code"] == "connection_failed" and error["retry"] is True
        assert time.monotonic() - began < 5


def test_a_host_that_never_answers(own, sqlite, copies):
    """The kernel takes the connection, nothing more comes: connecting has its limit."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(16)
        port = mute.getsockname()[1]
        with Daemon({"main": {"url": f"{own.name}://app:x@127.0.0.1:{port}/main",
                              "pool": {"connect_timeout": "2s"}},
                     "file": {"url": sqlite.url(copies(sqlite))}}) as daemon, \
                daemon.client() as c, daemon.client() as other:
            began = time.monotonic()
            c.send({"query": NAMES})
            while time.monotonic() - began < 1.0:
                asked = time.monotonic()
                assert other.query(NAMES, db="file")["rowcount"] == 6
                assert time.monotonic() - asked < 0.5
            assert c.recv(15)["error"]["class"] == "connection"
            assert time.monotonic() - began < 10


# ---- SQLite ----

@pytest.fixture
def file(sqlite, copies):
    made = []

    def make(**settings):
        made.append(Db(sqlite, copies(sqlite), settings=settings))
        return made[-1]
    yield make
    for db in made:
        db.daemon.stop()


def test_sqlite_locked_by_somebody_else(file, sqlite):
    """Reads go on (WAL); a write waits, and ends as lock_timeout or in time."""
    db = file(pool={"size": 2, "max_overflow": 0})
    with db.client() as c, db.client() as other:
        assert c.query(NAMES)["rowcount"] == 6
        raw = sqlite3.connect(sqlite.path(db.name), isolation_level=None)
        raw.execute("BEGIN IMMEDIATE")
        write = {"update": "accounts", "set": {"balance": 9}, "where": ["=", "id", 1]}
        c.send({"query": write, "timeout": "700ms"})
        assert other.query(NAMES)["rowcount"] == 6
        error = c.recv(20)["error"]
        assert error["code"] in ("timeout", "lock_timeout"), error
        c.send({"query": write})
        time.sleep(0.2)
        raw.execute("COMMIT")
        raw.close()
        assert c.recv(20) == {"rowcount": 1}


def test_sqlite_file_that_is_no_database(file, sqlite):
    with open(sqlite.path("junk"), "wb") as f:
        f.write(b"this is not a database, but long enough to be taken for one" * 100)
    with Daemon({"main": {"url": sqlite.url("junk")}}) as daemon:
        for _ in range(3):
            assert daemon.ask({"query": NAMES})["error"]["class"] in ("connection", "internal")


def test_sqlite_folder_that_is_not_there(sqlite):
    with Daemon({"main": {"url": "sqlite:////nonexistent/folder/x.db"}}) as daemon:
        error = daemon.ask({"query": NAMES})["error"]
        assert error["code"] == "connection_failed"
        assert "/nonexistent/folder" in error["message"]


@pytest.mark.tsan
def test_many_writers_on_one_file(file):
    """They wait for each other; none is refused and none is lost."""
    db = file(pool={"size": 8, "max_overflow": 0})
    clients = [db.client(seconds=60) for _ in range(8)]
    for c in clients:
        c.send(*({"id": i, "query": {"update": "accounts", "set": {"balance": ["+", "balance", 1]},
                                     "where": ["=", "id", 1]}} for i in range(25)))
    for c in clients:
        assert all(r.get("rowcount") == 1 for r in c.recv_many(25, 60))
        c.close()
    assert db.ask({"query": {"select": ["balance"], "from": "accounts", "where": ["=", "id", 1]},
                   "expect": "scalar"})["value"] == 700
