# SPDX-License-Identifier: MIT
"""Two daemons that cache the same database and share what they write through Redis: what
one writes the other serves at once, and a second later at the latest, whatever is stopped,
killed or lost. `near` is a region in memory, `far` one in Redis."""
import signal
import time

import pytest
from cached import ask, kept
from daemon import Daemon
from servers import Redis, stands_still, wait_for

SERVERS = pytest.mark.parametrize("server", ["postgresql", "mariadb"], indirect=True)
ONE_SERVER = pytest.mark.parametrize("server", ["postgresql"], indirect=True)
REGIONS = pytest.mark.parametrize("region", ["near", "far"])
PROMISE = 1.0  # seconds


class Pair:
    """Daemons a and b, on one database and one Redis."""

    def __init__(self, make_db, redis, **cache):
        self.redis = redis
        self.cache = {"share": redis.url(), "regions": {
            "near": {"ttl": "10m"}, "far": {"backend": redis.url(), "ttl": "10m"}}, **cache}
        # `forget` must be longer than any statement may run.
        self.pool = {"statement_timeout": "11s"} if "forget" in cache else {}
        self.db = make_db(conf={"cache": self.cache}, settings={"pool": self.pool})
        self.a = self.db.daemon
        self.b = self.another(self.cache)

    def another(self, cache=None):
        return Daemon({"main": {"url": self.db.url, "pool": self.pool}},
                      conf={"cache": cache} if cache else None)

    def wait_whole(self, members=2, daemons=None):
        for daemon in daemons or (self.a, self.b):
            daemon.wait_until(lambda d=daemon: is_whole(d, members), "hears all of its group")

    def stop(self):
        self.b.stop()
        self.a.stop()


def group(daemon):
    return daemon.stats()["cache"]["group"]


def is_whole(daemon, members):
    now = group(daemon)
    return now["whole"] == 1 and now["joined"] == 1 and now["members"] == members


@pytest.fixture
def redis():
    with Redis() as server:
        yield server


@pytest.fixture
def make_pair(make_db, redis):
    made = []

    def make(**cache):
        made.append(Pair(make_db, redis, **cache))
        return made[-1]
    yield make
    for pair in made:
        pair.b.kill()


@pytest.fixture
def pair(make_pair):
    made = make_pair()
    made.wait_whole()
    yield made
    made.stop()


def by_id(key):
    return {"select": ["name"], "from": "users", "where": ["=", "id", key]}


def read(client, region, key=1):
    """(name, word)"""
    return ask(client, by_id(key), {"region": region})


def rename(name, key=1):
    return {"update": "users", "data": {"name": name}, "where": ["=", "id", key]}


def sees_in_time(client, region, name, known):
    """Reads until `name` is served; a read that begins a second after `known` must get it."""
    while True:
        begun = time.monotonic()
        found = read(client, region)[0]
        if found == name:
            return
        assert begun - known < PROMISE, f"{begun - known:.3f} s later it is still {found}"


def until_hit(client, region):
    kept(client, by_id(1), {"region": region})


# ---- all is well ----
@SERVERS
@REGIONS
def test_what_one_writes_the_other_serves(pair, region):
    with pair.a.client() as a, pair.b.client() as b:
        for i in range(30):
            until_hit(b, region)
            a.query(rename(f"name {i}"))
            known = time.monotonic()
            assert read(a, region)[0] == f"name {i}"  # who wrote it never reads what was before
            sees_in_time(b, region, f"name {i}", known)
        begun = a.ask({"op": "begin", "tx": "t"})
        assert "error" not in begun, begun
        a.query(rename("in a transaction"), tx="t")
        assert read(b, region)[0] == "name 29"
        assert "error" not in a.ask({"op": "commit", "tx": "t"})
        sees_in_time(b, region, "in a transaction", time.monotonic())


@ONE_SERVER
def test_what_one_read_the_other_finds_in_redis(pair):
    with pair.a.client() as a, pair.b.client() as b:
        end = time.monotonic() + 60
        while True:
            a.query(rename("shared"))  # nobody has read it since
            until_hit(a, "far")
            if read(b, "far") == ("shared", "hit"):
                break
            assert time.monotonic() < end, "it finds only what it has read itself"
        figures = pair.a.region("far")
        assert figures["fills"] > 0 and figures["bytes"] == 0


@ONE_SERVER
def test_what_one_invalidates_the_other_forgets(pair):
    with pair.a.client() as a, pair.b.client() as b:
        for region in ("near", "far"):
            until_hit(b, region)
        pair.db.sql("update users set name = 'from outside' where id = 1;")
        assert "error" not in a.ask({"op": "invalidate", "tables": ["users"]})
        known = time.monotonic()
        for region in ("near", "far"):
            sees_in_time(b, region, "from outside", known)


@ONE_SERVER
def test_foreign_values_in_redis_are_misses(pair):
    with pair.b.client() as b:
        until_hit(b, "far")
        name = read(b, "far")[0]
        keys = [k for k in pair.redis.cli("KEYS", "tribikos:1:{tribikos}:far:*").split() if k]
        assert keys
        for key in keys:
            pair.redis.cli("SET", key, "TRB1 and nonsense", "PX", "600000")
        assert read(b, "far")[0] == name
        for key in keys:
            pair.redis.cli("DEL", key)
            pair.redis.cli("RPUSH", key, "a list")
        assert read(b, "far")[0] == name
        for key in keys:
            pair.redis.cli("DEL", key)
        until_hit(b, "far")


@ONE_SERVER
def test_groups_are_apart(make_pair, redis):
    pair = make_pair()
    pair.wait_whole()
    other = pair.another({**pair.cache, "group": "others"})
    try:
        pair.wait_whole(1, [other])
        pair.wait_whole(2)
    finally:
        other.kill()
    pair.stop()


# ---- members come and go ----
@ONE_SERVER
def test_who_leaves_is_not_waited_for(make_pair):
    pair = make_pair()
    pair.wait_whole()
    pair.b.stop()
    pair.wait_whole(1, [pair.a])
    assert group(pair.a)["forgotten"] == 0
    pair.b.start()
    pair.wait_whole()
    pair.stop()


@ONE_SERVER
def test_show_group_says_how_it_stands(pair):
    def shown():
        reply = pair.a.ask({"op": "show", "what": "group"})
        row = dict(zip(reply["columns"], reply["rows"][0]))
        return [row[k] for k in ("joined", "whole", "members", "silent")] == [1, 1, 2, 0]

    pair.a.wait_until(shown, "shows that it is whole")
    pair.a.wait_until(lambda: "tribikos_cache_group_members 2" in pair.a.http("/metrics")[1],
                      "tells of two members")


def waits_for_a_lock(db):
    query = {"postgresql": "select count(*) from pg_locks where not granted",
             "mariadb": "select count(*) from information_schema.innodb_trx "
                        "where trx_state = 'LOCK WAIT'"}[db.kind]
    return int(db.server.sql(query, db.name)) > 0


def halt(daemon):
    daemon.signal(signal.SIGSTOP)
    wait_for("the daemon to stand still", lambda: stands_still(daemon.proc.pid))


@pytest.fixture
def midst(make_pair, request):
    """midst(end) → (pair, reader): a of the pair is in the midst of a write, which waits for
    a lock, when end(a) stops or kills it; then the lock is given back, and the write is done
    in the database."""
    opened = []

    def begin(end, **cache):
        pair = make_pair(**cache)
        pair.wait_whole()
        outsider = pair.another()
        opened.append(outsider)
        with outsider.client() as holder:
            assert "error" not in holder.ask({"op": "begin", "tx": "t"})
            holder.query(rename("never"), tx="t")
            writer = pair.a.client()
            opened.append(writer)
            writer.send({"query": rename("written")})
            wait_for("the write to wait", lambda: waits_for_a_lock(pair.db))
            reader = pair.b.client()
            opened.append(reader)
            for region in ("near", "far"):
                until_hit(reader, region)
            end(pair.a)
            assert "error" not in holder.ask({"op": "rollback", "tx": "t"})
        return pair, reader, writer
    yield begin
    for each in opened:
        (each.kill if isinstance(each, Daemon) else each.close)()


def is_written(pair):
    return "written" in pair.db.server.sql("select name from users where id = 1;", pair.db.name)


@SERVERS
def test_a_writer_that_is_stopped_hides_nothing(midst):
    pair, reader, writer = midst(halt)
    try:
        wait_for("the write in the database", lambda: is_written(pair))
        known = time.monotonic()
        for region in ("near", "far"):
            sees_in_time(reader, region, "written", known)
        pair.b.wait_until(lambda: group(pair.b)["silent"] == 1, "misses the other")
        assert group(pair.b)["whole"] == 0
    finally:
        pair.a.signal(signal.SIGCONT)
    assert writer.recv()["rowcount"] == 1
    pair.wait_whole()
    for region in ("near", "far"):
        until_hit(reader, region)
        assert read(reader, region)[0] == "written"
    pair.stop()


@ONE_SERVER
def test_a_writer_that_is_killed_hides_nothing(midst):
    pair, reader, _ = midst(Daemon.kill, forget="12s")
    wait_for("the outcome", lambda: not waits_for_a_lock(pair.db))
    wait_for("the write in the database", lambda: is_written(pair))
    known = time.monotonic()
    for region in ("near", "far"):
        sees_in_time(reader, region, "written", known)
    pair.wait_whole(1, [pair.b])  # it is forgotten
    assert group(pair.b)["forgotten"] >= 1
    for region in ("near", "far"):
        until_hit(reader, region)
        assert read(reader, region)[0] == "written"
    pair.b.stop()


# ---- Redis comes and goes ----
def writes_are_seen(pair, name):
    with pair.a.client() as a, pair.b.client() as b:
        for region in ("near", "far"):
            read(b, region)
            a.query(rename(f"{name} {region}"))
            sees_in_time(b, region, f"{name} {region}", time.monotonic())


@ONE_SERVER
def test_redis_may_be_killed(pair):
    writes_are_seen(pair, "before")
    words = "the Redis of the cache is away"
    before = pair.b.log().count(words)
    pair.redis.kill()
    for daemon in (pair.a, pair.b):
        daemon.wait_until(lambda d=daemon: group(d)["joined"] == 0, "misses Redis")
    for i in range(3):
        writes_are_seen(pair, f"without {i}")
    assert pair.b.log().count(words) == before + 1  # said once
    pair.redis.start()
    pair.wait_whole()
    writes_are_seen(pair, "after")
    with pair.b.client() as b:
        for region in ("near", "far"):
            until_hit(b, region)


@ONE_SERVER
def test_redis_may_stand_still(pair):
    writes_are_seen(pair, "before")
    pair.redis.pause()
    try:
        for i in range(3):
            writes_are_seen(pair, f"meanwhile {i}")
        pair.b.wait_until(lambda: group(pair.b)["whole"] == 0, "misses Redis")
        writes_are_seen(pair, "apart")
    finally:
        pair.redis.resume()
    pair.wait_whole()
    writes_are_seen(pair, "after")


@ONE_SERVER
def test_redis_may_be_emptied(pair):
    writes_are_seen(pair, "before")
    pair.redis.cli("FLUSHALL")
    writes_are_seen(pair, "after")
    pair.wait_whole()
    writes_are_seen(pair, "later")


@ONE_SERVER
def test_what_was_missed_is_made_up_for(pair):
    for i in range(5):
        with pair.b.client() as b:
            for region in ("near", "far"):
                until_hit(b, region)
        before = group(pair.b)["lost"]
        pair.redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
        writes_are_seen(pair, f"name {i}")
        pair.b.wait_until(lambda n=before: group(pair.b)["lost"] > n, "notices")
        pair.wait_whole()


@ONE_SERVER
def test_a_wrong_password_is_told(make_pair, redis):
    pair = make_pair(share=redis.url(password="wrong"))
    for daemon in (pair.a, pair.b):
        daemon.wait_until(lambda d=daemon: "AUTH" in d.log(), "says why")
        assert "wrong" not in daemon.log().replace("wrong number", "").replace("WRONGPASS", "")
    assert group(pair.a)["joined"] == 0
    writes_are_seen(pair, "alone")
    pair.stop()
