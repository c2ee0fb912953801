# SPDX-License-Identifier: MIT
"""The pool as clients and administrators see it: turns, limits, pause and drain."""
import signal
import socket
import struct

import pytest
from heavy import endless, make_numbers

NAMES = {"select": ["id"], "from": "users", "order_by": ["id"]}


def begun(db, op):
    return db.ask({"op": "stats"})["stats"]["requests"]["by_kind"][op]


def pool(db):
    return db.ask({"op": "stats"})["stats"]["databases"]["main"]["pool"]


def hold(db, client, nonce=0):
    """A statement of `client` that runs until it is cancelled."""
    client.query(NAMES)  # the catalog is read
    busy = pool(db)["busy"]
    client.send({"id": "long", "query": endless(nonce)})
    db.daemon.wait_until(lambda: pool(db)["busy"] > busy, "the statement runs")


def let_go(client):
    client.send({"op": "cancel", "of": "long"})
    replies = client.recv_many(2)
    assert {"ok": True} in replies
    assert any(r.get("error", {}).get("code") == "cancelled" for r in replies)


def test_pause_waits_for_what_runs_and_holds_what_comes(make_db):
    db = make_db()
    make_numbers(db)
    with db.client() as admin, db.client() as runner, db.client() as other:
        other.query(NAMES)
        hold(db, runner)
        admin.send({"id": 1, "op": "pause"})
        db.daemon.wait_until(lambda: begun(db, "pause") == 1, "the pause has begun")
        other.send({"query": NAMES})
        db.daemon.wait_until(lambda: pool(db)["waiting"] == 1, "the request waits")
        let_go(runner)
        reply = admin.recv()
        assert reply == {"id": 1, "ok": True, "db": "main", "state": "paused",
                         "idle": reply["idle"], "busy": 0, "waiting": 1}
        assert admin.ask({"op": "resume"})["state"] == "open"
        assert other.recv()["rowcount"] == 6


def test_pause_that_cannot_be_had_in_time_is_undone(make_db):
    db = make_db()
    make_numbers(db)
    with db.client() as admin, db.client() as runner, db.client() as other:
        hold(db, runner)
        error = admin.fails({"op": "pause", "timeout": "100ms"}, "timeout")
        assert "as it was" in error["hint"]
        assert other.query(NAMES)["rowcount"] == 6
        admin.send({"id": 1, "op": "drain"}, {"op": "cancel", "of": 1})
        replies = admin.recv_many(2)
        assert {"ok": True} in replies
        assert [r for r in replies if "id" in r][0]["error"]["code"] == "cancelled"
        assert other.query(NAMES)["rowcount"] == 6
        gone = db.client()
        gone.send({"op": "pause"})
        db.daemon.wait_until(lambda: begun(db, "pause") == 2, "the second pause")
        gone.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()  # a reset: its pause goes with it
        assert other.query(NAMES)["rowcount"] == 6
        let_go(runner)


def test_drain_refuses_and_closes_and_resume_opens_again(make_db):
    db = make_db()
    make_numbers(db)
    with db.client() as admin, db.client() as runner, db.client() as other:
        other.query(NAMES)
        hold(db, runner)
        admin.send({"op": "drain"})
        db.daemon.wait_until(lambda: "error" in other.ask({"query": NAMES}), "requests are refused")
        error = other.fails({"query": NAMES}, "drained")
        assert (error["class"], error["retry"]) == ("connection", True)
        assert other.ask({"op": "ping"}) == {"ok": True}
        let_go(runner)
        assert admin.recv()["state"] == "drained"
        now = pool(db)
        assert (now["idle"], now["busy"], now["opening"]) == (0, 0, 0)
        assert now["opened"] == now["closed"]
        assert admin.ask({"op": "drain"})["state"] == "drained"  # again
        assert admin.ask({"op": "resume"})["state"] == "open"
        assert other.query(NAMES)["rowcount"] == 6


def test_two_administrators(make_db):
    db = make_db()
    make_numbers(db)
    with db.client() as one, db.client() as two, db.client() as runner:
        hold(db, runner)
        one.send({"op": "pause"})
        db.daemon.wait_until(lambda: begun(db, "pause") == 1, "the pause has begun")
        assert two.ask({"op": "resume"})["state"] == "open"
        assert one.recv()["error"]["code"] == "cancelled"
        let_go(runner)
        assert two.ask({"op": "pause", "db": "main"})["state"] == "paused"
        assert one.ask({"op": "drain"})["state"] == "drained"
        assert one.ask({"op": "pause"})["state"] == "paused"
        assert one.ask({"op": "resume"})["state"] == "open"


def test_bad_administration(db):
    with db.client() as c:
        assert c.fails({"op": "pause", "db": "mian"}, "unknown_database")["hint"]
        c.fails({"op": "resume", "timeout": "1s"}, "unknown_key")
        c.fails({"op": "drain", "timeout": 5}, "bad_request")
        assert c.query(NAMES)["rowcount"] == 6


def test_a_drained_database_stays_so_in_a_reload_and_can_be_stopped(make_db):
    db = make_db(conf={"limits": {"drain": "500ms"}})
    with db.client() as c:
        c.query(NAMES)
        c.ask({"op": "drain"})
        db.daemon.conf["databases"]["main"]["pool"] = {"size": 3}
        db.daemon.write_conf()
        db.daemon.reload()
        db.daemon.wait_until(lambda: pool(db)["size"] == 3, "has the new settings")
        c.fails({"query": NAMES}, "drained")
        c.ask({"op": "resume"})
        assert c.query(NAMES)["rowcount"] == 6
        c.ask({"op": "pause"})
        c.send({"query": NAMES})
        db.daemon.wait_until(lambda: pool(db)["waiting"] == 1, "the request waits")
        db.daemon.stop()


def test_turns_between_clients(make_db):
    """One client's hundred requests delay another's by one, not by a hundred."""
    db = make_db(conf={"workers": 1}, settings={"pool": {"size": 1, "max_overflow": 0}})
    make_numbers(db)
    with db.client() as greedy, db.client() as modest, db.client() as runner:
        modest.query(NAMES)
        hold(db, runner)
        greedy.send(*[{"id": i, "query": {**NAMES, "limit": 1}} for i in range(100)])
        db.daemon.wait_until(lambda: pool(db)["waiting"] == 100, "all wait")
        modest.send({"query": NAMES})
        db.daemon.wait_until(lambda: pool(db)["waiting"] == 101, "so does the other")
        before = pool(db)["lent"]
        let_go(runner)
        assert modest.recv()["rowcount"] == 6
        assert len(greedy.recv_many(100)) == 100
        assert pool(db)["lent"] == before + 101


def test_connections_of_one_client(make_db):
    db = make_db(conf={"workers": 1},
                 settings={"pool": {"size": 3, "max_overflow": 0, "max_per_client": 1}})
    make_numbers(db)
    with db.client() as greedy, db.client() as other:
        other.query(NAMES)
        hold(db, greedy)
        greedy.send({"id": 2, "query": NAMES})
        db.daemon.wait_until(lambda: pool(db)["waiting"] == 1, "the second request waits")
        assert other.query(NAMES)["rowcount"] == 6
        assert pool(db)["waiting"] == 1
        greedy.send({"op": "cancel", "of": "long"})
        assert [r for r in greedy.recv_many(3) if r.get("id") == 2][0]["rowcount"] == 6


def shown(client, what, **rest):
    """The rows of a show, as objects."""
    reply = client.ask({"op": "show", "what": what, **rest})
    assert len(reply["columns"]) == len(reply["types"])
    assert reply["rowcount"] == len(reply["rows"])
    assert all(len(row) == len(reply["columns"]) for row in reply["rows"])
    return [dict(zip(reply["columns"], row)) for row in reply["rows"]]


def test_show(make_db):
    db = make_db(conf={"workers": 3})
    make_numbers(db)
    clients = [db.client() for _ in range(6)]
    try:
        admin, runner = clients[0], clients[1]
        hold(db, runner)
        lent = [s for s in shown(admin, "servers") if s["state"] == "lent"]
        assert len(lent) == 1 and lent[0]["db"] == "main"
        rows = shown(admin, "clients")
        assert len(rows) >= 6 and len({r["client"] for r in rows}) == len(rows)
        assert len({r["worker"] for r in rows}) == 3
        busy = [r for r in rows if r["in_flight"] > 0 and r["bytes_in"] > 0]
        assert any(r["address"].startswith("127.0.0.1:") for r in rows)
        assert len(busy) == 2  # the runner, and who asks
        assert lent[0]["client"] in {r["client"] for r in busy} | {0}
        db.daemon.wait_until(lambda: admin.query(NAMES) and
                             max(s["statements"] for s in shown(admin, "servers")) > 0,
                             "keeps a statement")
        pools = shown(admin, "pools")
        assert admin.ask({"op": "show"})["columns"] == list(pools[0])
        assert (pools[0]["state"], pools[0]["busy"], pools[0]["size"]) == ("open", 1, 5)
        main = shown(admin, "databases")[0]
        assert main["dialect"] == db.kind and main["state"] == "open"
        assert (main["replicas"], main["writes"]) == (0, "primary")
        error = admin.fails({"op": "show", "what": "locks"}, "unsupported_feature")
        assert "clients" in error["hint"]
        let_go(runner)
    finally:
        for c in clients:
            c.close()


def test_who_waits_and_who_keeps_a_connection(make_db):
    """In the stats, the metrics and `show`: the gate, the oldest waiter, the longest loan,
    and how long it took those who had to wait."""
    db = make_db(conf={"workers": 2}, settings={"pool": {"size": 1, "max_overflow": 0}})
    make_numbers(db)
    with db.client() as admin, db.client() as runner, db.client() as other:
        hold(db, runner)
        before = pool(db)["waits"]["count"]
        other.send({"query": NAMES})
        db.daemon.wait_until(lambda: pool(db)["oldest_wait_ms"] > 0
                             and pool(db)["longest_loan_ms"] > 0, "both are told")
        row = shown(admin, "pools")[0]
        assert row["oldest_wait_ms"] > 0 and row["longest_loan_ms"] >= row["oldest_wait_ms"]
        let_go(runner)
        assert other.recv()["rowcount"] == 6
        assert pool(db)["waits"]["count"] > before and pool(db)["waits"]["max_us"] > 0
        assert shown(admin, "pools")[0]["wait_p99_us"] > 0
        db.daemon.wait_until(lambda: pool(db)["oldest_wait_ms"] == 0, "nobody waits")
        assert pool(db)["state"] == "open"
        admin.ask({"op": "pause"})
        assert pool(db)["state"] == "paused"
        metrics = db.daemon.http("/metrics")[1]
        assert 'tribikos_pool_gate{db="main"} 1' in metrics
        assert 'tribikos_pool_wait_seconds_count{db="main"}' in metrics
        admin.ask({"op": "resume"})


def test_a_stop_does_not_wait_for_those_behind_a_gate(make_db):
    """Nobody will open it any more: they are told at once, and the daemon ends long
    before its drain does."""
    db = make_db(conf={"workers": 2, "limits": {"drain": "120s"}})
    clients = [db.client() for _ in range(4)]
    try:
        clients[0].query(NAMES)
        assert clients[0].ask({"op": "pause"})["state"] == "paused"
        for i, c in enumerate(clients):
            c.send({"query": {**NAMES, "limit": i + 1}},
                   {"id": 1, "query": {"delete": "users", "where": ["=", "id", -1]}})
        db.daemon.wait_until(lambda: pool(db)["waiting"] >= 4, "all wait")
        db.daemon.signal(signal.SIGTERM)
        for c in clients:
            for reply in c.recv_many(2):
                assert reply["error"]["code"] == "shutting_down", reply
        assert db.daemon.wait_end(60) == 0
    finally:
        for c in clients:
            c.close()


@pytest.mark.parametrize("server", ["postgresql", "mariadb"], indirect=True)
def test_a_pool_larger_than_its_server_is_told_once(make_db):
    db = make_db(settings={"pool": {"size": 20, "max_overflow": 10}})
    db.ask({"query": NAMES})
    assert "more than it allows" not in db.daemon.log()
    db = make_db(settings={"pool": {"size": 20, "max_overflow": 4000}})
    make_numbers(db)
    with db.client() as a, db.client() as b:
        hold(db, a)
        b.query(NAMES)
        let_go(a)
    lines = [x for x in db.daemon.log().splitlines() if "more than it allows" in x]
    assert len(lines) == 1 and "pool=4020" in lines[0] and "max_connections=" in lines[0]


def test_a_connection_that_is_kept_long_is_told_once(make_db):
    db = make_db(conf={"workers": 1}, settings={"pool": {"leak_warning": "200ms"}})
    make_numbers(db)
    with db.client() as c:
        hold(db, c)
        db.daemon.wait_until(lambda: pool(db)["leaks"] == 1, "the warning")
        db.daemon.wait_until(lambda: "lent for long" in db.daemon.log(), "the line")
        line = [x for x in db.daemon.log().splitlines() if "lent for long" in x][0]
        let_go(c)
        assert pool(db)["leaks"] == 1
        assert "doing=run" in line and "client=0" not in line
