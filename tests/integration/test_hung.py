# SPDX-License-Identifier: MIT
"""A server that is stopped where it stands: its connections accept, and nothing
answers, cancel requests neither."""
import os

import fixture
import pytest
from heavy import endless, make_numbers
from conftest import Db
from servers import KINDS

SLOTS = 12
POOL = {"size": SLOTS, "max_overflow": 0, "timeout": "60s"}
NAMES = {"select": ["id"], "from": "users", "order_by": ["id"]}
AT_WORK = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND "
                  "query LIKE '%numbers%' AND pid <> pg_backend_pid()",
    "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE "
               "info LIKE '%numbers%' AND id <> connection_id()"}


@pytest.fixture(scope="module", params=sorted(KINDS))
def own(request):
    """A server of these tests' own, since it is stopped."""
    with KINDS[request.param]() as server:
        fixture.load(server, "main")
        yield server


def threads(daemon):
    return len(os.listdir(f"/proc/{daemon.proc.pid}/task"))


def test_slots_come_back_though_cancels_hang(own, sqlite, copies):
    other = copies(sqlite)
    db = Db(own, "main", settings={"pool": POOL})
    db.daemon.conf["databases"]["other"] = {"url": sqlite.url(other)}
    db.daemon.write_conf()
    db.daemon.reload()
    own.sql("DROP TABLE IF EXISTS numbers;", "main")
    make_numbers(db)

    def pool():
        return db.daemon.stats()["databases"]["main"]["pool"]
    try:
        clients = [db.client(seconds=60) for _ in range(SLOTS)]
        for c in clients:
            c.query(NAMES)
        before = threads(db.daemon)
        for i, c in enumerate(clients):
            c.send({"id": i, "query": endless(i), "timeout": "1500ms"})
        db.daemon.wait_until(lambda: pool()["busy"] == SLOTS, "runs them all")
        own.pause()
        try:
            for i, c in enumerate(clients):
                reply = c.recv(40)
                assert (reply["id"], reply["error"]["code"]) == (i, "timeout"), reply
            db.daemon.wait_until(lambda: pool()["busy"] == 0, "has given all of them up")
            assert db.ask({"db": "other", "query": NAMES})["rows"]
            assert threads(db.daemon) <= before + 8  # four calls and four cancels that hang
        finally:
            own.resume()
        db.daemon.wait_until(lambda: "rows" in db.ask({"query": NAMES}), "works again", 60)
        db.daemon.wait_until(lambda: own.sql(AT_WORK[own.name], "main").strip() == "0",
                             "has ended what nobody wants any more", 50)
        for c in clients:
            assert len(c.query(NAMES, 30)["rows"]) == 6
            c.close()
        assert pool()["idle"] + pool()["busy"] <= SLOTS
    finally:
        db.daemon.stop()


def test_the_daemon_stops_while_cancels_hang(own):
    db = Db(own, "main", conf={"limits": {"drain": "500ms"}}, settings={"pool": POOL})
    own.sql("DROP TABLE IF EXISTS numbers;", "main")
    make_numbers(db)
    c = db.client()
    c.send({"id": 1, "query": endless(), "timeout": "1s"})
    db.daemon.wait_until(lambda: db.daemon.stats()["databases"]["main"]["pool"]["busy"] == 1,
                         "runs it")
    own.pause()
    try:
        assert c.recv(40)["error"]["code"] == "timeout"
        db.daemon.stop()
    finally:
        own.resume()
        c.close()
        db.daemon.kill()
