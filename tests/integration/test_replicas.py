# SPDX-License-Identifier: MIT
"""Primary and replicas: where reads and writes go, reading one's own writes on a replica
that is behind, and what happens when servers change their roles. Real replication on
both databases; a replica is made to lag by stopping its replay."""
import time

import pytest
from daemon import Daemon
from servers import (MariaDBPrimary, MariaDBReplica, PostgresqlPrimary, PostgresqlReplica,
                     ServerError, wait_for)

KINDS = ["postgresql", "mariadb"]
CHECK = {"check": "100ms", "lag": "1s"}
SETUP = ("create table notes (id integer primary key, body varchar(100) not null);"
         "insert into notes values (0, 'first')")


class Cluster:
    """A primary and its replicas; `servers[0]` is the first primary."""

    def __init__(self, kind, replicas=2):
        self.kind = kind
        if kind == "postgresql":
            primary = PostgresqlPrimary()
            self.servers = [primary]
        else:
            primary = MariaDBPrimary()
            self.servers = [primary]
        try:
            for i in range(replicas):
                self.servers.append(PostgresqlReplica(primary) if kind == "postgresql"
                                    else MariaDBReplica(primary, i + 2))
            primary.create("shop")
            primary.load(SETUP, "shop")
            self.settle(primary)
        except BaseException:
            self.remove()
            raise

    def remove(self):
        for server in reversed(self.servers):
            server.remove()

    def settle(self, primary):
        """Waits until every replica of `primary` has all of it."""
        for server in self.servers:
            if server is not primary and server.running():
                wait_for("the replicas to follow", lambda s=server: s.has_all_of(primary))

    def conf(self, servers=None, **settings):
        first, *rest = servers or self.servers
        return {"main": {"url": first.url("shop"), **CHECK,
                         "replicas": [{"url": s.url("shop")} for s in rest], **settings}}


@pytest.fixture(scope="module", params=KINDS)
def cluster(request):
    """Shared: nothing in it changes its role, and no replica stays behind."""
    made = Cluster(request.param)
    yield made
    made.remove()


@pytest.fixture
def daemon(cluster):
    with Daemon(cluster.conf()) as made:
        yield made


@pytest.fixture(params=KINDS)
def mortal(request):
    """A cluster of the test's own, with one replica, whose servers may die."""
    made = Cluster(request.param, replicas=1)
    yield made
    made.remove()


NOTES = {"select": ["id", "body"], "from": "notes", "order_by": ["id"]}
PORT = {"postgresql": {"text": "select inet_server_port() as port", "columns": {"port": "integer"}},
        "mariadb": {"text": "select @@port as port", "columns": {"port": "integer"}}}


def insert(number, body="x"):
    return {"insert": "notes", "rows": [{"id": number, "body": body}]}


def count(number):
    return {"select": [{"n": ["count", "*"]}], "from": "notes", "where": ["=", "id", number]}


@pytest.fixture
def numbers(cluster):
    """New ids for notes."""
    taken = getattr(cluster, "taken", 0)

    def new():
        nonlocal taken
        taken += 1
        cluster.taken = taken
        return 1000 + taken
    return new


def hold_all(cluster):
    cluster.settle(cluster.servers[0])
    for replica in cluster.servers[1:]:
        replica.hold()


def let_all_go(cluster):
    for replica in cluster.servers[1:]:
        replica.let_go()


@pytest.fixture
def held(cluster):
    """Replicas that stay behind until the test ends, or calls held()."""
    hold_all(cluster)
    yield lambda: let_all_go(cluster)
    let_all_go(cluster)


def test_a_write_tells_its_position(daemon, numbers):
    with daemon.client() as c:
        reply = c.query(insert(numbers()))
        assert reply["rowcount"] == 1
        assert reply["position"].split(":")[0] in ("pg", "maria")
        assert "position" not in c.query(NOTES)


def test_positions_grow(daemon, numbers):
    with daemon.client() as c:
        told = [c.query(insert(numbers()))["position"] for _ in range(3)]
        assert len(set(told)) == 3


def test_reads_of_the_primary_see_every_write(daemon, numbers, held):
    with daemon.client() as c:
        for _ in range(5):
            n = numbers()
            c.query(insert(n))
            assert c.query(count(n), expect="scalar")["value"] == 1


def test_eventual_reads_go_to_replicas(cluster, daemon, numbers, held):
    """Held replicas answer with what they had."""
    with daemon.client() as c:
        n = numbers()
        c.query(insert(n))
        assert c.query(count(n), expect="scalar", reads="eventual")["value"] == 0
        assert c.query(count(n), expect="scalar")["value"] == 1


def test_a_session_reads_its_own_writes_whatever_the_replicas_have(daemon, numbers, held):
    with daemon.client() as c:
        n = numbers()
        c.query(insert(n))
        assert c.query(count(n), expect="scalar", reads="session")["value"] == 1


def test_hello_sets_where_reads_go(daemon, numbers, held):
    with daemon.client() as c, daemon.client() as other:
        assert c.ask({"op": "hello", "reads": "eventual"})["ok"]
        n = numbers()
        other.query(insert(n))
        wait_for("reads to go to a replica, which does not have it",
                 lambda: c.query(count(n), expect="scalar")["value"] == 0)
        assert c.query(count(n), expect="scalar", reads="primary")["value"] == 1
        assert c.ask({"op": "hello", "reads": "session"})["ok"]
        n = numbers()
        c.query(insert(n))
        assert c.query(count(n), expect="scalar")["value"] == 1


def test_read_after_sees_the_write_of_another_connection(daemon, numbers, held):
    with daemon.client() as writer, daemon.client() as reader:
        n = numbers()
        position = writer.query(insert(n))["position"]
        assert reader.query(count(n), expect="scalar", reads="eventual")["value"] == 0
        assert reader.query(count(n), expect="scalar", read_after=position)["value"] == 1


def test_a_read_waits_for_a_replica_that_catches_up(cluster, numbers, held):
    """No replica has the write; one gets it while the read waits for it. The primary is
    out of reach by then, so the read was served by the replica."""
    with Daemon(cluster.conf(position_wait="20s")) as daemon, daemon.client() as c:
        n = numbers()
        position = c.query(insert(n))["position"]
        c.send({"id": 1, "query": count(n), "expect": "scalar", "read_after": position})
        with pytest.raises(TimeoutError):
            c.recv(seconds=0.5)
        held()
        assert c.recv()["value"] == 1


def test_a_transaction_of_many_statements_tells_its_position(daemon, numbers):
    """Two sets of keys are two statements in one transaction."""
    with daemon.client() as c:
        reply = c.query({"insert": "notes", "rows": [{"id": numbers(), "body": "a"},
                                                     {"body": "b", "id": numbers()}]})
        assert reply["rowcount"] == 2 and "position" in reply


@pytest.mark.parametrize("bad", ["", "0/3000148", "pg:", "pg:0/", "pg:0/123456789", "pg:0/x",
                                 "maria:0-1", "maria:0-1-2,", "maria:0-1-2,0-1-3", "pg:0/1 ",
                                 "maria:0-1-99999999999999999999", 7, None, ["pg:0/1"]])
def test_a_bad_position_is_refused(daemon, bad):
    with daemon.client() as c:
        error = c.fails({"query": NOTES, "read_after": bad}, "bad_request")
        assert error["path"] == "/read_after"
        assert c.query(NOTES)["rowcount"] > 0


def test_a_position_of_another_kind_is_refused(cluster, daemon):
    with daemon.client() as c:
        other = "maria:0-1-1" if cluster.kind == "postgresql" else "pg:0/1"
        assert c.fails({"query": NOTES, "read_after": other},
                       "bad_request")["path"] == "/read_after"


def test_raw_text_and_locks_go_to_the_primary(cluster, daemon):
    with daemon.client() as c:
        port = cluster.servers[0].port
        for _ in range(6):
            assert c.query(PORT[cluster.kind], expect="scalar",
                           reads="eventual")["value"] == port
        locked = {**NOTES, "for": {"update": True}}
        assert c.query(locked, reads="eventual")["rows"][0] == [0, "first"]


# ---- roles that change ----

def writes_until(client, first, seconds=30):
    """Writes until one succeeds; the errors before it. Every error must be one that says
    truly what happened."""
    errors, end, n = [], time.monotonic() + seconds, first
    while True:
        reply = client.ask({"query": insert(n)})
        if "error" not in reply:
            return errors, n
        errors.append(reply["error"]["code"])
        assert reply["error"]["code"] in ("connection_failed", "connection_lost", "read_only",
                                          "commit_unknown", "two_primaries"), reply
        assert time.monotonic() < end, errors
        n += 1
        time.sleep(0.02)


def test_a_promoted_replica_gets_the_writes(mortal):
    primary, replica = mortal.servers
    with Daemon(mortal.conf()) as daemon, daemon.client() as c:
        position = c.query(insert(1))["position"]
        mortal.settle(primary)
        end = time.monotonic() + 10
        while daemon.stats()["databases"]["main"]["servers"][1]["position"] != position:
            assert time.monotonic() < end  # what is not known to be there is not asked for it
            time.sleep(0.05)
        primary.kill()
        assert c.query(count(1), expect="scalar", reads="eventual")["value"] == 1
        reply = c.ask({"query": insert(2)})
        assert reply["error"]["code"] in ("connection_failed", "commit_unknown"), reply
        replica.promote()
        _, n = writes_until(c, 10)
        assert replica.load(f"select count(*) from notes where id = {n}", "shop").strip() == "1"
        assert c.query(count(1), expect="scalar")["value"] == 1


def test_what_was_cached_of_the_old_primary_is_not_served(mortal):
    """The new one need not have all that the old one had."""
    primary, replica = mortal.servers
    one = {"query": {"select": ["body"], "from": "notes", "where": ["=", "id", 0]},
           "expect": "scalar", "cache": True}
    cache = {"cache": {"regions": {"default": {"ttl": "1h"}}}}
    with Daemon(mortal.conf(), conf=cache) as daemon, daemon.client() as c:
        for expected in ("miss", "hit"):
            assert c.ask(one)["cache"] == expected
        mortal.settle(primary)
        primary.kill()
        replica.promote()

        def takes_writes():
            try:
                replica.load("update notes set body = 'new' where id = 0", "shop")
            except ServerError:
                return False
            return True
        wait_for("the replica to be a primary", takes_writes)
        writes_until(c, 10)
        daemon.wait_until(lambda: c.ask(one).get("value") == "new", "reads from the new one")


def test_two_primaries_stop_writes_and_reads_go_on(mortal):
    """Failure 15 of the list: nothing is written to either."""
    primary, replica = mortal.servers
    with Daemon(mortal.conf()) as daemon, daemon.client() as c:
        c.query(insert(1))
        mortal.settle(primary)
        replica.promote()
        end = time.monotonic() + 30
        n = 10
        while True:
            reply = c.ask({"query": insert(n)})
            if "error" in reply:
                break
            assert time.monotonic() < end
            n += 1
            time.sleep(0.02)
        assert reply["error"]["code"] == "two_primaries"
        assert reply["error"]["retry"] is True
        assert c.query(count(1), expect="scalar")["value"] == 1
        assert c.query(count(1), expect="scalar", reads="eventual")["value"] == 1
        for _ in range(5):
            assert c.fails({"query": insert(n)}, "two_primaries")
        primary.kill()
        _, m = writes_until(c, 1000)
        assert replica.load(f"select count(*) from notes where id = {m}", "shop").strip() == "1"


def test_a_primary_that_turns_read_only_is_left_at_once(mortal):
    """Failure 14 of the list. Its sessions stay open; only their errors tell that roles
    have changed, for the next check is far away."""
    primary, replica = mortal.servers
    with Daemon(mortal.conf(check="1h", lag="3h")) as daemon, daemon.client() as c:
        c.query(insert(1))
        mortal.settle(primary)
        primary.refuse_writes()
        replica.promote()
        reply = c.ask({"query": insert(2)})
        assert reply["error"]["code"] == "read_only", reply
        errors, n = writes_until(c, 10)
        assert replica.load(f"select count(*) from notes where id = {n}", "shop").strip() == "1"
        assert "commit_unknown" not in errors


def test_an_old_primary_comes_back_as_a_replica(mortal):
    old, new = mortal.servers
    with Daemon(mortal.conf()) as daemon, daemon.client() as c:
        c.query(insert(1))
        mortal.settle(old)
        old.kill()
        new.promote()
        writes_until(c, 10)
        come_back(mortal.kind, old, new)
        mortal.servers = [new, old]
        mortal.settle(new)

        def known():
            """It took writes until it followed: the daemon may have seen that, and refuses
            them until it looks again."""
            told = daemon.stats()["databases"]["main"]
            return told["writes"] == "primary" and \
                sorted((s["state"], s["role"]) for s in told["servers"]) == \
                [("up", "primary"), ("up", "replica")]
        daemon.wait_until(known, "knows the old one for a replica")

        def served_by_old():
            """A read that only the held replica answers without the latest row."""
            return c.query(count(5000), expect="scalar", reads="eventual")["value"] == 0
        old.hold()
        c.query(insert(5000))
        daemon.wait_until(served_by_old, "reads from the server that came back")
        assert c.query(count(5000), expect="scalar")["value"] == 1


def come_back(kind, old, new):
    """What an administrator does with a primary that died: it follows the new one."""
    if kind == "postgresql":
        old.copy_of(new)
        old.start()
    else:
        old.start()
        old.follow(new)


def test_a_read_that_a_replica_cannot_serve_goes_to_the_primary(cluster, daemon, held):
    """The table is not there yet on replicas."""
    name = "younger"
    with daemon.client() as c:
        cluster.servers[0].load(f"drop table if exists {name}; create table {name} "
                                f"(id integer primary key); insert into {name} values (7)", "shop")
        assert c.query({"select": ["id"], "from": name}, reads="eventual")["rows"] == [[7]]


def test_reads_go_on_without_the_replicas(mortal):
    primary, replica = mortal.servers
    with Daemon(mortal.conf()) as daemon, daemon.client() as c:
        c.query(insert(1))
        replica.kill()
        for mode in ("eventual", "session", "primary"):
            for _ in range(5):
                assert c.query(count(1), expect="scalar", reads=mode)["value"] == 1
        assert c.query(insert(2))["rowcount"] == 1


def test_a_replica_that_hangs_is_left_out(mortal):
    """Whoever was sent to it before that was known gets an error in time; the primary
    serves the rest."""
    primary, replica = mortal.servers
    with Daemon(mortal.conf()) as daemon, daemon.client() as c:
        c.query(insert(1))
        mortal.settle(primary)
        replica.pause()
        try:
            def served():
                reply = c.ask({"query": count(1), "expect": "scalar", "reads": "eventual",
                               "timeout": "300ms"})
                assert reply.get("error", {}).get("code") in (None, "timeout"), reply
                return reply.get("value") == 1
            daemon.wait_until(served, "serves reads from the primary")
            for _ in range(5):
                assert served()
        finally:
            replica.resume()


def servers(daemon):
    return daemon.stats()["databases"]["main"]["servers"]


@pytest.mark.parametrize("op", ["pause", "drain"])
def test_a_gate_says_nothing_about_the_servers(cluster, op):
    """The monitor is behind it, too, and takes nobody for dead."""
    with Daemon(cluster.conf(pool={"size": 2, "max_overflow": 0})) as daemon, \
            daemon.client() as c:
        c.query(count(0))
        daemon.wait_until(lambda: all(s["state"] == "up" for s in servers(daemon)), "are up")
        c.ask({"op": op})
        time.sleep(3)  # longer than a server may take to answer
        assert all(s["state"] == "up" for s in servers(daemon))
        rows = c.ask({"op": "show", "what": "databases"})
        row = dict(zip(rows["columns"], rows["rows"][0]))
        assert (row["replicas"], row["replicas_up"], row["writes"]) == (2, 2, "primary")
        c.ask({"op": "resume"})
        assert c.query(count(0), expect="scalar", reads="eventual")["value"] == 1
        assert c.query(count(0), expect="scalar")["value"] == 1
        rows = c.ask({"op": "show", "what": "servers"})
        shown = [dict(zip(rows["columns"], row)) for row in rows["rows"]]
        assert {r["role"] for r in shown} <= {"primary", "replica"} and shown
        assert {r["health"] for r in shown} == {"up"}
        assert "does not answer" not in daemon.log()


def test_a_database_whose_role_is_replica_takes_no_writes(make_db):
    db = make_db(settings={"role": "replica"})
    with db.client() as c:
        assert c.fails({"query": {"delete": "users", "where": True}}, "read_only")
        assert c.query({"select": [{"n": ["count", "*"]}], "from": "users"})["rows"][0][0] > 0


def test_a_reload_takes_replicas_on_and_lets_them_go(mortal):
    primary, _ = mortal.servers
    alone = {"main": {"url": primary.url("shop")}}
    with Daemon(alone) as daemon, daemon.client() as c:
        assert "position" not in c.query(insert(1))
        for databases, told in ((mortal.conf(), True), (alone, False), (mortal.conf(), True)):
            daemon.conf["databases"] = databases
            daemon.write_conf()
            daemon.reload()
            n = iter(range(100, 100000))
            daemon.wait_until(lambda t=told: ("position" in c.query(
                {"update": "notes", "data": {"body": str(next(n))}, "where": ["=", "id", 1]})) == t,
                "uses the new conf")


def test_stats_tell_of_each_server(cluster, daemon, numbers):
    with daemon.client() as c:
        c.query(insert(numbers()))

        def settled():
            told = daemon.stats()["databases"]["main"]
            return told["writes"] == "primary" and all(
                s["state"] == "up" and s["lag_ms"] == 0 and
                s["position"] == told["servers"][0]["position"] for s in told["servers"])
        daemon.wait_until(settled, "tells of servers that have all there is")
        told = daemon.stats()["databases"]["main"]["servers"]
        assert [s["role"] for s in told] == ["primary", "replica", "replica"]
        assert [s["primary"] for s in told] == [True, False, False]
        assert [s["server"] for s in told] == [f"127.0.0.1:{s.port}" for s in cluster.servers]
        _, metrics = daemon.http("/metrics")
        port = cluster.servers[0].port
        assert f'tribikos_server_primary{{db="main",server="127.0.0.1:{port}"}} 1' in metrics
        assert metrics.count("tribikos_server_up{") == 3
