# SPDX-License-Identifier: MIT
"""Reads of many clients on few connections: every answer is the one that the read would
have had alone, nobody pays for another's trouble, and counters tell that they did share.

`main` shares as it does by default; `plain` is the same database without pipelines and
fusion, and says what is right.
"""
import contextlib
import socket
import struct
import subprocess
import threading
import time
import uuid

import fixture
import pytest
from conftest import Db
from daemon import Daemon
from servers import KINDS
from test_replicas import Cluster

SERVERS = ["postgresql", "mariadb"]
both = pytest.mark.parametrize("server", SERVERS, indirect=True)
TWO = {"size": 2, "max_overflow": 0, "timeout": "30s"}
MOST, LEAST = 2 ** 63 - 1, -2 ** 63
COUNT = 200
TABLES = {
    "postgresql": """
        CREATE TABLE things (id BIGINT PRIMARY KEY, code VARCHAR(40) NOT NULL UNIQUE,
                             uid UUID NOT NULL UNIQUE, top INTEGER, bottom INTEGER NOT NULL);
        CREATE TABLE others (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);""",
    "mariadb": """
        CREATE TABLE things (id BIGINT PRIMARY KEY,
                             code VARCHAR(40) COLLATE utf8mb4_nopad_bin NOT NULL UNIQUE,
                             uid UUID NOT NULL UNIQUE, top INTEGER, bottom INTEGER NOT NULL)
                             DEFAULT CHARSET=utf8mb4;
        CREATE TABLE others (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL)
                            DEFAULT CHARSET=utf8mb4;"""}


def uid(n):
    return str(uuid.UUID(int=(0xabcdef << 104) + n % 2 ** 64))


def bottom(n):
    """Every seventh thing cannot be divided."""
    return 0 if n % 7 == 0 else n % 1000 + 1


def code(n):
    return "Ä'\\ %d" % n


def thing(n):
    text = code(n).replace("'", "''")
    return f"({n}, '{text}', '{uid(n)}', {'NULL' if n % 5 == 0 else n % 1000}, {bottom(n)})"


def fill(db):
    db.sql(TABLES[db.kind])
    numbers = [*range(1, COUNT + 1), MOST, LEAST]
    escape = "SET sql_mode = 'NO_BACKSLASH_ESCAPES';" if db.kind == "mariadb" else ""
    db.sql(f"{escape} INSERT INTO things VALUES {','.join(map(thing, numbers))};"
           "INSERT INTO others VALUES " +
           ",".join(f"({n}, 'other {n}')" for n in range(1, COUNT + 1)) + ";")


@pytest.fixture
def shared_db(make_db):
    """shared_db(workers, pool…) → a Db with the tables and `plain` beside `main`."""
    def make(workers=1, **pool):
        db = make_db(conf={"workers": workers}, settings={"pool": {**TWO, **pool}})
        fill(db)
        db.daemon.conf["databases"]["plain"] = {
            "url": db.url, "pool": {**TWO, "pipelining": "off", "fusion": "off"}}
        db.daemon.write_conf()
        db.daemon.reload()
        db.daemon.wait_until(lambda: "plain" in db.ask({"op": "stats"})["stats"]["databases"],
                             "has both")
        return db
    return make


@contextlib.contextmanager
def clients(db, count, **kw):
    made = [db.client(**kw) for _ in range(count)]
    try:
        yield made
    finally:
        for c in made:
            c.close()


def pool(db, name="main"):
    return db.ask({"op": "stats"})["stats"]["databases"][name]["pool"]


def by_id(n, *select, table="things"):
    return {"select": list(select) or ["id", "code"], "from": table, "where": ["=", "id", n]}


def warm(db, request, clients_of=1):
    """Asks until reads of this plan share: they do once they were seen to be short, on
    each worker."""
    def shares():
        with clients(db, clients_of) as asking:
            for c in asking:
                before = pool(db)["shared"]
                c.ask(request)
                c.ask(request)
                if pool(db)["shared"] == before:
                    return False
        return True
    db.daemon.wait_until(shares, "shares such reads")


def storm(asking, requests):
    """Deals the requests to the clients, each in one write; the replies by `id`, which
    is set here."""
    replies = {}
    for i, c in enumerate(asking):
        c.send(*({**r, "id": n} for n, r in enumerate(requests) if n % len(asking) == i))
    for i, c in enumerate(asking):
        for _ in range(i, len(requests), len(asking)):
            reply = c.recv(60)
            assert reply["id"] not in replies
            replies[reply["id"]] = reply
    return [replies[n] for n in range(len(requests))]


def told(reply):
    """Without what tells where it came from."""
    error = {k: v for k, v in reply.get("error", {}).items() if k != "db"}
    return {**reply, "id": 0, **({"error": error} if error else {})}


def same(db, asking, requests):
    """Whether shared answers are the plain ones, errors too."""
    got = storm(asking, requests)
    known = {}
    with db.client() as c:
        for request, reply in zip(requests, got):
            key = repr(request)
            if key not in known:
                known[key] = c.ask({**request, "db": "plain", "id": 0})
            assert told(reply) == told(known[key]), request


def same_while_sharing(db, asking, requests, counters):
    """same() three times, and on until just these counters have grown: on a machine that
    stumbles reads are not short for a while."""
    before, end, rounds = pool(db), time.monotonic() + 60, 0
    while True:
        same(db, asking, requests)
        after, rounds = pool(db), rounds + 1
        grown = {c for c in ("shared", "fused") if after[c] > before[c]}
        if rounds >= 3 and grown == counters:
            return
        assert grown <= counters and time.monotonic() < end, (requests[0], grown)


# ---- right answers ----

@both
def test_many_clients_and_plans(shared_db):
    """Two workers, forty clients, twenty plans, with ids and in order without."""
    db = shared_db(workers=2)
    plans = [["id", {f"x{i}": "code"}] for i in range(20)]
    warm(db, {"query": by_id(1, *plans[0])}, 6)

    def talk(number, wrong):
        try:
            with db.client() as c:
                for turn in range(6):
                    asked = [(number * 31 + turn * 7 + k) % COUNT + 1 for k in range(16)]
                    requests = [{"query": by_id(n, *plans[(number + k // 4) % 20]), "expect": "one"}
                                for k, n in enumerate(asked)]
                    if turn % 2:
                        requests = [{**r, "id": f"{number}-{k}"} for k, r in enumerate(requests)]
                    c.send(*requests)
                    replies = c.recv_many(16, 60)
                    if turn % 2:
                        replies.sort(key=lambda r: int(r["id"].split("-")[1]))
                    wrong += [(n, r) for n, r in zip(asked, replies)
                              if r.get("rows") != [[n, code(n)]]]
        except Exception as e:  # pylint: disable=broad-except
            wrong.append(e)
    before, end = pool(db), time.monotonic() + 120
    shared = fused = fusions = 0
    while shared <= 1000 or fusions == 0:  # on a slow machine reads are not short at first
        assert time.monotonic() < end, (shared, fusions)
        wrong = []
        threads = [threading.Thread(target=talk, args=(n, wrong)) for n in range(40)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert wrong == []
        after = pool(db)
        shared, fused, fusions = (after[key] - before[key]
                                  for key in ("shared", "fused", "fusions"))
    assert fused >= 2 * fusions


FORMS = [{"expect": e} for e in ("one", "one_or_none", "first", "scalar", "scalars",
                                 "all", "count", "exists")]
FORMS += [{"as": a} for a in ("objects", "arrays", "columns")]
FORMS += [{"expect": "one", "as": "objects"}, {}]


@both
def test_fused_as_plain(shared_db):
    """Keys that are there, missing, the same twice and the extremes of int64, in every form
    of reply."""
    db = shared_db()
    keys = [*range(1, 20), 3, 3, 3, 1000, 1001, 1000, MOST, LEAST, MOST, 0, -1, 2 ** 53 + 1]
    with clients(db, 8) as asking:
        warm(db, {"query": by_id(1, "id", "bottom")})
        for form in FORMS:
            select = ["code"] if "scalar" in str(form) else ["id", "code", "top"]
            requests = [{"query": by_id(n, *select), **form} for n in keys]
            fuses = form.get("expect") not in ("count", "exists")
            shares = fuses or db.kind == "postgresql"
            if shares:
                warm(db, requests[0])
            does = {"shared": shares, "fused": fuses}
            same_while_sharing(db, asking, requests, {name for name in does if does[name]})


@both
def test_keys_of_other_kinds(shared_db):
    """Texts of any characters, uuids in other spellings, NULL and keys of a wrong type:
    an answer or an error, the plain one."""
    db = shared_db()
    texts = [code(n) for n in range(1, 30)] + [code(1), code(1) + " ", code(2).lower(), "", "x"]
    spelled = [uid(n) for n in range(1, 20)]
    spelled += [s.upper() for s in spelled] + [s.replace("-", "") for s in spelled[:5]]
    spelled += ["{%s}" % spelled[0], uid(10 ** 6), "no uuid", None]
    requests = [{"query": {"select": ["id", "code"], "from": "things",
                           "where": ["=", "code", ":k"]}, "params": {"k": k}}
                for k in [*texts, None, 5]]
    requests += [{"query": {"select": ["id", "uid"], "from": "things",
                            "where": ["=", "uid", ":k"]}, "params": {"k": k}}
                 for k in spelled]
    requests += [{"query": by_id(":k"), "params": {"k": k}}
                 for k in [1, 2, 3, None, "4", 5.0, True, 2 ** 63, MOST]]
    with clients(db, 8) as asking:
        for r in (requests[0], requests[len(texts) + 2], requests[-9]):
            warm(db, r)
        same_while_sharing(db, asking, requests, {"shared", "fused"})


@both
def test_an_error_is_its_own_readers(shared_db):
    """One of several fused rows cannot be computed: that client has the error, with no
    row twice for the others."""
    db = shared_db()
    divided = ["id", "code", {"q": ["/", "top", "bottom"]}]
    requests = [{"query": by_id(n, *divided), **form}
                for n in [*range(1, 30), 1, 2, 3, 7]
                for form in ({}, {"expect": "one"}, {"as": "columns"}, {"as": "objects"})]
    with clients(db, 8) as asking:
        for n in (1, 2, 3, 4):
            warm(db, {"query": by_id(n, *divided)})
        same_while_sharing(db, asking, requests, {"shared", "fused"})


@both
def test_ones_own_writes_are_seen(shared_db):
    """A client that sends without ids sees what it wrote, while others hammer the row."""
    db = shared_db()
    read = {"query": by_id(1, "top"), "expect": "scalar"}
    warm(db, read)
    over, wrong = threading.Event(), []

    def hammer():
        with db.client() as c:
            while not over.is_set():
                c.send(*[{**read, "id": i} for i in range(16)])
                wrong.extend(r for r in c.recv_many(16, 60) if "value" not in r)
    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for t in threads:
        t.start()
    try:
        with db.client() as c:
            for n in range(0, 400, 4):
                lines = []
                for k in range(4):
                    lines += [{"query": {"update": "things", "set": {"top": n + k},
                                         "where": ["=", "id", 1]}}, read]
                c.send(*lines)
                values = [r["value"] for r in c.recv_many(8, 60)[1::2]]
                assert values == [n, n + 1, n + 2, n + 3]
    finally:
        over.set()
        for t in threads:
            t.join()
    assert wrong == []
    assert pool(db)["shared"] > 100


# ---- the schema changes ----

@both
def test_tables_change_under_load(shared_db):
    """Prepared statements go stale; every reader has its row, or a refusal while the
    table is away."""
    db = shared_db()
    read = {"query": by_id(3, "*"), "expect": "one", "as": "objects"}
    known = {"query": by_id(4, "id", "name", table="others"), "expect": "one"}
    warm(db, read)
    warm(db, known)
    over, wrong, right = threading.Event(), [], [0]

    def hammer(number):
        with db.client() as c:
            while not over.is_set():
                c.send(*[{**(known if i % 2 else read), "id": i} for i in range(16)])
                for r in c.recv_many(16, 60):
                    right[0] += number == 0
                    if r["id"] % 2:
                        wrong.extend([r] if r.get("rows") != [[4, "other 4"]] else [])
                    elif "error" in r:
                        gone = r["error"]["code"] in ("unknown_table", "database_error",
                                                      "catalog_changed", "unknown_column")
                        wrong.extend([] if gone else [r])
                    elif [(x["id"], x["code"]) for x in r["rows"]] != [(3, code(3))]:
                        wrong.append(r)
    threads = [threading.Thread(target=hammer, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    try:
        for n in range(4):
            time.sleep(0.3)
            db.sql(f"ALTER TABLE things ADD extra{n} INTEGER;")
            time.sleep(0.3)
            db.sql("ALTER TABLE things RENAME TO away;")
            time.sleep(0.1)
            db.sql("ALTER TABLE away RENAME TO things;")
            seen = right[0]
            db.daemon.wait_until(lambda s=seen: right[0] > s + 100, "goes on")
    finally:
        over.set()
        for t in threads:
            t.join()
    assert wrong == []
    with db.client() as c:
        db.daemon.wait_until(lambda: "error" not in c.ask(read), "has the table again")
        assert c.query(read["query"])["rowcount"] == 1


# ---- something is slow, or gone ----

@contextlib.contextmanager
def locked(db, table="things"):
    """Nobody reads the table meanwhile."""
    server = db.server
    if db.kind == "postgresql":
        argv = [server.binary("psql"), "-X", "-q", "-A", "-t", "-h", server.socket,
                "-p", str(server.port), "-U", "postgres", "-d", db.name]
        text = f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n"
    else:
        argv = server.client("-u", "root", "--unbuffered", db.name)
        text = f"LOCK TABLES {table} WRITE; SELECT 'locked';\n"
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as held:
        try:
            held.stdin.write(text)
            held.stdin.flush()
            assert held.stdout.readline().strip() == "locked"
            yield
        finally:
            held.stdin.close()
            held.stdout.read()


THING = {"query": by_id(1, "id", "code")}
OTHER = {"query": by_id(1, "id", "name", table="others")}


def thing_of(n, **rest):
    return {"query": by_id(n, "id", "code"), **rest}


def other_of(n, **rest):
    return {"query": by_id(n, "id", "name", table="others"), **rest}


@both
def test_a_table_that_is_locked(shared_db):
    """Reads of other tables go on, and all is answered when the lock goes."""
    db = shared_db(size=8)
    warm(db, THING)
    warm(db, OTHER)
    with clients(db, 2) as waiting, clients(db, 4) as going:
        with locked(db):
            for i, c in enumerate(waiting):
                c.send(*[thing_of(n + 1, id=n) for n in range(i, 20, 2)],
                       *[other_of(n + 1, id=n + 100) for n in range(i, 8, 2)])
            for turn in range(5):
                for n, reply in enumerate(storm(going, [other_of(n + 1) for n in range(40)])):
                    assert reply.get("rows") == [[n + 1, f"other {n + 1}"]], (turn, reply)
            for i, c in enumerate(waiting):
                got = {r["id"]: r["rows"] for r in c.recv_many(4, 30)}
                assert got == {n + 100: [[n + 1, f"other {n + 1}"]] for n in range(i, 8, 2)}
        for i, c in enumerate(waiting):
            got = {r["id"]: r["rows"] for r in c.recv_many(10, 30)}
            assert got == {n: [[n + 1, code(n + 1)]] for n in range(i, 20, 2)}


@both
def test_stops_are_ones_own(shared_db):
    """Of reads that wait for a lock together one is cancelled and some have timeouts: they
    are answered while the lock is held, the others have their rows after it."""
    db = shared_db(size=3)
    warm(db, THING)
    with clients(db, 4) as asking:
        with locked(db):
            for i, c in enumerate(asking):
                c.send(*[thing_of(10 * i + n + 1, id=n, **({"timeout": "300ms"} if n < 3 else {}))
                         for n in range(10)])
            early = [{r["id"]: r for r in c.recv_many(3, 20)} for c in asking]
            assert all(r["error"]["code"] == "timeout" for e in early for r in e.values())
            assert [sorted(e) for e in early] == [[0, 1, 2]] * 4
            for c in asking:
                c.send({"op": "cancel", "of": 5})
            for c in asking:
                replies = c.recv_many(2, 20)
                assert {"ok": True} in replies
                assert [r["error"]["code"] for r in replies if "id" in r] == ["cancelled"]
            time.sleep(6)  # longer than a session that does not answer may go on
        for i, c in enumerate(asking):
            got = {r["id"]: r["rows"] for r in c.recv_many(6, 30)}
            assert got == {n: [[10 * i + n + 1, code(10 * i + n + 1)]] for n in (3, 4, 6, 7, 8, 9)}
    with db.client() as c:
        db.daemon.wait_until(lambda: pool(db)["busy"] == 0, "gives its connections back")
        assert c.query(THING["query"])["rows"] == [[1, code(1)]]


@both
def test_a_read_alone_is_stopped(shared_db):
    """It is told why, and its statement does not stay behind in the database."""
    db = shared_db()
    warm(db, THING)
    with db.client() as c:
        with locked(db):
            before = pool(db)["shared"]
            c.send(thing_of(2, id="a"))
            db.daemon.wait_until(lambda: pool(db)["shared"] > before, "is under way")
            time.sleep(0.3)
            c.send({"op": "cancel", "of": "a"})
            replies = c.recv_many(2, 20)
            assert {"ok": True} in replies
            assert [r["error"]["code"] for r in replies if "id" in r] == ["cancelled"]
            assert c.ask(thing_of(2, id="b", timeout="300ms"))["error"]["code"] == "timeout"
            db.daemon.wait_until(lambda: pool(db)["busy"] == 0, "gives its connections back")
        assert c.query(THING["query"])["rows"] == [[1, code(1)]]


def kill_sessions(db):
    if db.kind == "postgresql":
        db.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                      f"datname = '{db.name}' AND backend_type = 'client backend'", "postgres")
    else:
        found = db.server.sql("SELECT id FROM information_schema.processlist "
                              f"WHERE db = '{db.name}' AND user = 'app'", "mysql").split()
        for number in found:
            with contextlib.suppress(Exception):  # it may be gone
                db.server.sql(f"KILL {number}", "mysql")


@both
def test_sessions_that_are_killed(shared_db):
    """What was under way is answered, by rows or the loss; what comes next is fine."""
    db = shared_db()
    warm(db, THING)
    over, wrong, lost = threading.Event(), [], [0, 0]

    def hammer(number):
        with db.client() as c:
            while not over.is_set():
                c.send(*[thing_of(number * 16 + i + 1, id=i) for i in range(16)])
                for r in c.recv_many(16, 60):
                    lost[0] += 1
                    n = number * 16 + r["id"] + 1
                    if "error" in r:
                        lost[1] += 1
                        known = r["error"]["code"] in ("connection_lost", "connection_failed")
                        wrong.extend([] if known else [r])
                    elif r["rows"] != [[n, code(n)]]:
                        wrong.append(r)
    threads = [threading.Thread(target=hammer, args=(n,)) for n in range(6)]
    for t in threads:
        t.start()
    try:
        for _ in range(6):
            seen = lost[0]
            db.daemon.wait_until(lambda s=seen: lost[0] > s + 200, "answers")
            kill_sessions(db)
    finally:
        over.set()
        for t in threads:
            t.join()
    assert wrong == []
    assert lost[1] < lost[0]
    with db.client() as c:
        db.daemon.wait_until(lambda: "rows" in c.ask(THING), "works again")


@both
def test_a_server_that_stands_still(server):
    """Reads are answered at their timeout and little more, and work once it goes on."""
    with KINDS[server.name]() as own:
        fixture.load(own, "main")
        db = Db(own, "main", conf={"workers": 1}, settings={"pool": TWO})
        try:
            fill(db)
            warm(db, THING)
            with clients(db, 4, seconds=60) as asking:
                own.pause()
                try:
                    for c in asking:
                        c.send(*[thing_of(n + 1, id=n, timeout="500ms") for n in range(10)])
                    for c in asking:
                        codes = {r["error"]["code"] for r in c.recv_many(10, 40)}
                        assert codes <= {"timeout", "pool_timeout", "connection_lost",
                                         "connection_failed"}
                finally:
                    own.resume()
                db.daemon.wait_until(lambda: "rows" in asking[0].ask(THING), "works again", 60)
                for n, reply in enumerate(storm(asking, [thing_of(n + 1) for n in range(40)])):
                    assert reply["rows"] == [[n + 1, code(n + 1)]]
        finally:
            db.daemon.stop()


@both
def test_clients_that_go(shared_db):
    """Their reads are under way with those of others, who do not notice."""
    db = shared_db()
    warm(db, THING)
    with clients(db, 4) as asking:
        for turn in range(30):
            gone = [db.client() for _ in range(3)]
            for c in gone:
                c.send(*[thing_of(n + 1, id=n) for n in range(16)])
                if turn % 2:
                    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
            requests = [thing_of(n % COUNT + 1) for n in range(turn, turn + 32)]
            for i, c in enumerate(asking):
                c.send(*[{**r, "id": n} for n, r in enumerate(requests[i::4])])
            for c in gone:
                c.close()
            for i, c in enumerate(asking):
                got = {r["id"]: r["rows"] for r in c.recv_many(8, 60)}
                for k, n in enumerate(range(turn + i, turn + 32, 4)):
                    assert got[k] == [[n % COUNT + 1, code(n % COUNT + 1)]]
    db.daemon.wait_until(lambda: pool(db)["busy"] <= 2 and pool(db)["waiting"] == 0, "settles")


# ---- beside other work ----

@both
def test_one_connection_for_transactions_and_shared_reads(shared_db):
    """Neither waits for ever for the other."""
    db = shared_db(size=1)
    warm(db, THING)
    over, wrong, read, done = threading.Event(), [], [0], [0]

    def hammer(number):
        with db.client() as c:
            while not over.is_set():
                c.send(*[thing_of(number * 16 + i + 1, id=i) for i in range(16)])
                for r in c.recv_many(16, 60):
                    n = number * 16 + r["id"] + 1
                    read[0] += 1
                    if r.get("rows") != [[n, code(n)]]:
                        wrong.append(r)

    def transact(number):
        with db.client() as c:
            while not over.is_set():
                c.send({"op": "begin", "tx": "t"},
                       {"query": {"update": "others", "set": {"name": ":name"},
                                  "where": ["=", "id", 100 + number]},
                        "params": {"name": "written"}, "tx": "t"},
                       {**other_of(100 + number), "tx": "t"}, {"op": "commit", "tx": "t"})
                replies = c.recv_many(4, 60)
                done[0] += 1
                if any("error" in r for r in replies) or \
                        replies[2]["rows"] != [[100 + number, "written"]]:
                    wrong.append(replies)
                    return
    threads = [threading.Thread(target=f, args=(n,)) for f in (hammer, transact) for n in range(4)]
    for t in threads:
        t.start()
    try:
        db.daemon.wait_until(lambda: wrong or (read[0] > 500 and done[0] > 40), "does both", 60)
    finally:
        over.set()
        for t in threads:
            t.join()
    assert wrong == []


@both
def test_pause_drain_and_resume(shared_db):
    db = shared_db()
    warm(db, THING)
    with clients(db, 4) as asking, db.client() as admin:
        for op, state in (("pause", "paused"), ("drain", "drained")):
            for c in asking:
                c.send(*[thing_of(n + 1, id=n) for n in range(10)])
            reply = admin.ask({"op": op})
            assert reply["state"] == state and reply["busy"] == 0, reply
            if op == "pause":
                asking[0].send(thing_of(50, id="held"))
                time.sleep(0.3)
            assert admin.ask({"op": "resume"})["state"] == "open"
            for i, c in enumerate(asking):
                for r in c.recv_many(11 if op == "pause" and i == 0 else 10, 30):
                    n = 50 if r["id"] == "held" else r["id"] + 1
                    ok = r.get("rows") == [[n, code(n)]] or \
                        (op == "drain" and r["error"]["code"] == "drained")
                    assert ok, r
        for n, reply in enumerate(storm(asking, [thing_of(n + 1) for n in range(40)])):
            assert reply["rows"] == [[n + 1, code(n + 1)]]


@pytest.mark.parametrize("server, off, counted", [
    ("postgresql", "pipelining", {"shared": False, "fused": False}),
    ("postgresql", "fusion", {"shared": True, "fused": False}),
    ("mariadb", "fusion", {"shared": False, "fused": False}),
    ("mariadb", "pipelining", {"shared": True, "fused": True}),
], indirect=["server"])
def test_off(shared_db, off, counted):
    db = shared_db(**{off: "off"})
    with clients(db, 4) as asking:
        def asked():
            storm(asking, [thing_of(n + 1) for n in range(40)])
            now = pool(db)
            return all(now[k] > 0 for k, v in counted.items() if v)
        db.daemon.wait_until(asked, "shares what may")
        for _ in range(10):
            asked()
    now = pool(db)
    assert {k: now[k] > 0 for k in counted} == counted


@pytest.mark.parametrize("kind", SERVERS)
def test_many_reads_of_a_replica(kind):
    """Each server of a database has lanes of its own; what comes from them is right."""
    cluster = Cluster(kind, replicas=1)
    try:
        numbers = range(1, COUNT + 1)
        values = ",".join(f"({n}, 'note {n}')" for n in numbers)
        cluster.servers[0].load(f"insert into notes values {values}", "shop")
        cluster.settle(cluster.servers[0])
        with Daemon(cluster.conf(), conf={"workers": 1}) as daemon, daemon.client() as c:
            for _ in range(10):
                c.send(*[{"id": n, "reads": "eventual",
                          "query": {"select": ["id", "body"], "from": "notes",
                                    "where": ["=", "id", n]}} for n in numbers])
                got = {r["id"]: r.get("rows") for r in c.recv_many(COUNT, 60)}
                assert got == {n: [[n, f"note {n}"]] for n in numbers}
    finally:
        cluster.remove()
