# SPDX-License-Identifier: MIT
"""SIGHUP, SIGTERM, what the program refuses to do, and what it never says."""
import json
import os
import signal
import socket
import time

import pytest
from client import Closed
from conftest import Db
from daemon import Daemon, run_program
from heavy import endless, make_numbers
from servers import PASSWORD, free_port

NAMES = {"select": ["id"], "from": "users"}


def wait_reply(daemon, request, right, seconds=15):
    daemon.wait_until(lambda: right(daemon.ask(request)), f"answers {request} anew", seconds)


def reload(db, seconds=15, **changes):
    """Changes the conf file and waits until the log says that it is in force."""
    daemon = db.daemon
    daemon.conf.update(changes)
    daemon.write_conf()
    before = daemon.log().count("reload")
    daemon.reload()
    daemon.wait_until(lambda: daemon.log().count("reload") > before, "reloads", seconds)


# ---- SIGHUP ----

def test_a_database_is_added_and_removed_under_a_client(fresh_db, copies):
    second = copies(fresh_db.server)
    fresh_db.server.load("INSERT INTO accounts VALUES (3, 3);", second)
    databases = dict(fresh_db.daemon.conf["databases"])
    with fresh_db.client() as c:
        assert c.fails({"query": NAMES, "db": "second"}, "unknown_database")
        reload(fresh_db, databases={**databases, "second": {"url": fresh_db.server.url(second)}})
        wait_reply(fresh_db.daemon, {"query": NAMES, "db": "second"}, lambda r: "rows" in r)
        query = {"select": ["id"], "from": "accounts"}
        assert c.query(query, db="second")["rowcount"] == 3
        assert c.query(query)["rowcount"] == 2
        reload(fresh_db, databases=databases)
        wait_reply(fresh_db.daemon, {"query": NAMES, "db": "second"}, lambda r: "error" in r)
        assert c.fails({"query": NAMES, "db": "second"}, "unknown_database")
        assert c.query(query)["rowcount"] == 2


def test_a_url_changes_under_a_client(fresh_db, copies):
    other = copies(fresh_db.server)
    fresh_db.server.load("DELETE FROM accounts WHERE id = 1;", other)
    query = {"query": {"select": ["id"], "from": "accounts"}, "expect": "count"}
    with fresh_db.client() as c:
        c.ask({"op": "prepare", "name": "p", "query": query["query"]})
        assert c.ask(query)["value"] == 2
        reload(fresh_db, databases={"main": {"url": fresh_db.server.url(other)}})
        wait_reply(fresh_db.daemon, query, lambda r: r.get("value") == 1)
        assert c.ask(query)["value"] == 1
        assert c.ask({"run": "p", "expect": "count"})["value"] == 1


@pytest.mark.tsan
def test_a_pool_changes_while_requests_are_under_way(make_db):
    """None of them fails, none is answered twice, and the new size holds."""
    db = make_db(settings={"pool": {"size": 5, "max_overflow": 0, "timeout": "30s"}})
    with db.client() as c:
        total = 0
        for size in (1, 3, 2, 5, 1):
            c.send(*({"id": total + i, "query": {**NAMES, "where": ["=", "id", i % 6 + 1]}}
                     for i in range(100)))
            main = {"url": db.url, "pool": {"size": size, "max_overflow": 0, "timeout": "30s"}}
            reload(db, databases={"main": main})
            replies = {r["id"]: r for r in c.recv_many(100)}
            assert all(replies[total + i]["rows"] == [[i % 6 + 1]] for i in range(100))
            total += 100
        if db.kind != "sqlite":
            db.daemon.wait_until(lambda: db.server.sessions(db.name) <= 1,
                                 "closes the connections of old pools", 15)


def test_a_running_query_outlives_a_reload(fresh_db):
    make_numbers(fresh_db)
    with fresh_db.client() as c:
        c.send({"id": 1, "query": endless()}, {"id": 2, "op": "ping"})
        c.recv()
        reload(fresh_db, databases={"main": {"url": fresh_db.url, "pool": {"size": 2}}})
        assert c.query(NAMES, id=3)["rowcount"] == 6
        c.send({"id": 4, "op": "cancel", "of": 1})
        assert {r["id"] for r in c.recv_many(2)} == {1, 4}


def test_a_broken_conf_file_changes_nothing(fresh_db):
    with fresh_db.client() as c:
        assert c.query(NAMES)["rowcount"] == 6
        for text in ("databases: [", "databases: {main: {urll: 'sqlite://'}}", ""):
            before = fresh_db.daemon.log().count("tribikos.yaml")
            fresh_db.daemon.write_conf(text)
            fresh_db.daemon.reload()
            fresh_db.daemon.wait_until(
                lambda: fresh_db.daemon.log().count("tribikos.yaml") > before, "complains", 10)
            assert c.query(NAMES)["rowcount"] == 6
            assert fresh_db.ask({"query": NAMES})["rowcount"] == 6
        assert "urll" in fresh_db.daemon.log()
        fresh_db.daemon.write_conf()


@pytest.mark.tsan
def test_many_reloads_under_load(fresh_db):
    with fresh_db.client() as c:
        for i in range(20):
            fresh_db.daemon.conf["databases"]["main"]["pool"] = {"size": i % 3 + 1}
            fresh_db.daemon.write_conf()
            fresh_db.daemon.reload()
            c.send(*[{"query": NAMES}] * 20)
            assert all(r["rowcount"] == 6 for r in c.recv_many(20))


# ---- SIGTERM ----

def test_what_is_under_way_is_answered_before_the_end(fresh_db):
    make_numbers(fresh_db)
    slow = {"select": [["count", "*"]], "from": {"a": "numbers"},
            "join": [{"cross": {"b": "numbers"}}], "where": [">", ["+", "a.n", "b.n"], 0]}
    with fresh_db.client() as c, fresh_db.client() as idle:
        assert idle.ask({"op": "ping"}) == {"ok": True}
        c.send({"id": 1, "query": slow, "expect": "scalar"}, {"id": 2, "op": "ping"})
        assert c.recv()["id"] == 2
        fresh_db.daemon.signal(signal.SIGTERM)
        assert c.recv(30) == {"id": 1, "value": 1_000_000}
        assert c.at_end(10) == b""
        assert idle.at_end(10) == b""
    assert fresh_db.daemon.wait_end(15) == 0
    with pytest.raises(OSError):
        fresh_db.client()


def test_what_takes_too_long_is_cancelled_at_the_end(make_db):
    db = make_db(conf={"limits": {"drain": "500ms"}})
    make_numbers(db)
    with db.client() as c:
        c.send({"id": 1, "query": endless()}, {"id": 2, "op": "ping"})
        c.recv()
        began = time.monotonic()
        db.daemon.signal(signal.SIGTERM)
        error = c.recv(15)["error"]
        assert error["code"] in ("cancelled", "shutting_down"), error
    assert db.daemon.wait_end(15) == 0
    assert 0.4 < time.monotonic() - began < 10


def test_writes_in_the_socket_at_sigterm_are_done_or_refused(fresh_db):
    """No request is answered with success and not done, or the other way round."""
    with fresh_db.client() as c:
        c.send(*({"id": i, "query": {"insert": "tags", "rows": [{"id": i, "name": "x"}]}}
                 for i in range(100, 400)))
        fresh_db.daemon.signal(signal.SIGTERM)
        acked, refused = set(), 0
        try:
            while len(acked) + refused < 300:
                reply = c.recv(30)
                if reply.get("rowcount") == 1:
                    acked.add(reply["id"])
                else:
                    assert reply["error"]["code"] in ("shutting_down", "cancelled"), reply
                    refused += 1
        except Closed:
            pass
    assert fresh_db.daemon.wait_end(40) == 0
    fresh_db.daemon.start()
    stored = fresh_db.ask({"query": {"select": ["id"], "from": "tags",
                                     "where": [">=", "id", 100]}, "expect": "scalars"})["values"]
    assert set(stored) == acked


def test_the_unix_socket_file_goes_with_the_daemon(sqlite, copies):
    daemon = Daemon({"main": {"url": sqlite.url(copies(sqlite))}})
    path = daemon.socket
    assert os.stat(path).st_mode & 0o777 == 0o600
    daemon.stop()
    assert not os.path.exists(path)


def test_a_socket_file_left_by_a_crash_is_replaced(sqlite, copies):
    daemon = Daemon({"main": {"url": sqlite.url(copies(sqlite))}})
    daemon.kill()
    assert os.path.exists(daemon.socket)
    daemon.start()
    with daemon.client(unix=True) as c:
        assert c.ask({"op": "ping"}) == {"ok": True}
    daemon.stop()


# ---- what it refuses ----

def conf_file(tmp_path, text):
    path = tmp_path / "t.yaml"
    path.write_text(text)
    return str(path)


MAIN = "databases: {main: {url: 'sqlite://'}}\n"


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]", "192.0.2.1"])
def test_listening_beyond_loopback_needs_the_override(tmp_path, address):
    conf = conf_file(tmp_path, f"listen: [{{tcp: '{address}:{free_port()}'}}]\nhttp: off\n" + MAIN)
    for args in (("-c", conf), ("--check", conf)):
        done = run_program(*args)
        assert done.returncode == 2, (args, done)
        assert "listen_unprotected" in done.stderr + done.stdout


def test_the_http_port_beyond_loopback_too(tmp_path):
    conf = conf_file(tmp_path, f"listen: [{{tcp: '127.0.0.1:{free_port()}'}}]\n"
                               f"http: '0.0.0.0:{free_port()}'\n" + MAIN)
    done = run_program("-c", conf)
    assert done.returncode == 2 and "listen_unprotected" in done.stderr + done.stdout


def test_the_override_is_taken():
    text = "listen: [{tcp: '0.0.0.0:{port}'}]\nhttp: off\nlisten_unprotected: true\n" + MAIN
    with Daemon(text=text) as daemon:
        assert daemon.ask({"op": "ping"}) == {"ok": True}


def test_a_port_in_use_is_told(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        done = run_program("-c", conf_file(tmp_path, f"listen: [{{tcp: '127.0.0.1:{port}'}}]\n"
                                                     "http: off\n" + MAIN))
    assert done.returncode in (1, 2)
    assert str(port) in done.stderr + done.stdout and "in use" in done.stderr + done.stdout


@pytest.mark.parametrize("text, place, near", [
    ("listne: []\n" + MAIN, "1:1", "listen"),
    ("databases:\n  main:\n    urll: 'sqlite://'\n", "3:5", "url"),
    ("workers: many\n" + MAIN, "1:10", ""),
    ("limits: {frame: 16Mb}\n" + MAIN, "1:17", ""),
    (MAIN + MAIN, "2:1", ""),
    ("databases: {main: {url: 'postgresql://h:port/x'}}\n", "1:25", "port"),
    ("a: [\n", "", "")])
def test_conf_errors_have_a_place(tmp_path, text, place, near):
    path = conf_file(tmp_path, text)
    for args in (("--check", path), ("-c", path)):
        done = run_program(*args)
        assert done.returncode == 2
        said = done.stderr + done.stdout
        assert f"{path}:{place}" in said and near in said, said


def test_a_conf_file_that_is_not_there():
    done = run_program("-c", "/nonexistent/x.yaml")
    assert done.returncode == 2 and "/nonexistent/x.yaml" in done.stderr


@pytest.mark.parametrize("args", [["--nonsense"], ["-c"], ["--check"], ["--try", "ftp://x/y"]])
def test_wrong_arguments(args):
    assert run_program(*args).returncode == 2


def test_version_and_help():
    done = run_program("--version")
    assert done.returncode == 0 and "tribikosd" in done.stdout
    for library in ("libuv", "libpq", "SQLite"):
        assert library.lower() in done.stdout.lower()
    assert "output_buffer" in run_program("--help-conf").stdout


# ---- secrets ----

def test_passwords_are_never_shown(server, copies, tmp_path):
    """Not by --check, not in the log at debug level, not in errors, statistics or the
    process list."""
    db = Db(server, copies(server), conf={"log": {"level": "debug"}})
    db.ask({"query": NAMES})
    db.ask({"query": {"select": ["nmae"], "from": "users"}})
    secret = [PASSWORD, "s3cret", "%2F%3F%23"]
    with open(f"/proc/{db.daemon.proc.pid}/cmdline", "rb") as f:
        said = f.read().decode()
    said += run_program("--check", db.daemon.conf_path).stdout
    said += run_program("--check", db.daemon.conf_path).stderr
    said += db.daemon.http("/stats")[1] + db.daemon.http("/metrics")[1]
    said += str(db.ask({"op": "stats"})) + str(db.ask({"op": "hello"}))
    db.daemon.conf["databases"]["main"]["pool"] = {"size": 1}
    db.daemon.write_conf()
    db.daemon.reload()
    db.daemon.wait_until(lambda: "reload" in db.daemon.log(), "reloads", 10)
    db.daemon.stop()
    said += db.daemon.log()
    for text in secret:
        assert text not in said


def test_a_password_in_a_broken_url_is_not_shown(tmp_path):
    for url in ("postgresql://app:hunter2pw@host:99999999/x", "postgres//app:hunter2pw@h/x",
                "mariadb://app:hunter2pw@h/x?nonsense=1", "postgresql://app:hunter2pw@[::1/x",
                "oracle://app:hunter2pw@h/x"):
        conf = conf_file(tmp_path, f"databases: {{main: {{url: '{url}'}}}}\n")
        done = run_program("--check", conf)
        assert done.returncode == 2, url
        assert "hunter2pw" not in done.stdout + done.stderr, done


def test_secrets_from_files_and_the_environment(server, copies, tmp_path):
    if server.name == "sqlite":
        url = "sqlite:///${file:" + str(tmp_path / "pw") + "}"
        (tmp_path / "pw").write_text(server.path(copies(server)) + "\n")
        env = {}
    else:
        url = (f"{server.name}://{server.user}:${{env:DB_PW}}@{server.host}:{server.port}/"
               + copies(server))
        env = {"DB_PW": PASSWORD}
    (tmp_path / "pw").touch(0o600)
    os.chmod(tmp_path / "pw", 0o600)
    with Daemon({"main": {"url": url}}, env=env) as daemon:
        assert daemon.ask({"query": NAMES})["rowcount"] == 6


def test_the_log_is_json_when_asked(sqlite, copies):
    with Daemon({"main": {"url": sqlite.url(copies(sqlite))}},
                conf={"log": {"level": "debug", "format": "json"}}) as daemon:
        daemon.ask({"query": {"select": ["id"], "from": "users", "where": [
            "=", "name", {"value": "evil\n\"line\u2028"}]}})
        lines = [line for line in daemon.log().splitlines() if line]
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)
