# SPDX-License-Identifier: MIT
"""Conf files as the program treats them: checks, exit codes, secrets, reload."""
import os
import signal
import socket
import subprocess
import time
import urllib.parse

import pytest
from client import Client
from daemon import ROOT, Daemon, environment, program, run_program
from servers import PASSWORD


def write(path, text, mode=0o600):
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


def test_check_accepts_the_samples():
    for name in ("tribikos.yaml", "demo.yaml"):
        done = run_program("--check", os.path.join(ROOT, "conf", name))
        assert done.returncode == 0, done.stderr


def test_check_tells_all_faults_with_their_places(tmp_path):
    path = write(tmp_path / "bad.yaml", "wrokers: 2\ndatabases:\n  main:\n    url: oracle://h/d\n"
                 "    pool: {size: many}\nlimits: {frame: 16MB}\n")
    done = run_program("--check", path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        f"{path}:1:1", f"{path}:4:10", f"{path}:5:18", f"{path}:6:17"]
    assert "did you mean `workers`?" in lines[0]
    assert "no backend for oracle" in lines[1]


@pytest.mark.parametrize("args", [["-c", "/nonexistent.yaml"], ["--check", "/nonexistent.yaml"],
                                  ["--no-such-option"], ["--try", "oracle://h/d"],
                                  ["--try", "postgresql://u:hunter2@h:port/d"]])
def test_bad_arguments_end_with_2(args):
    done = run_program(*args)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip()
    assert "hunter2" not in done.stdout + done.stderr


def test_a_bad_conf_ends_with_2_and_listens_nowhere(tmp_path):
    done = run_program("-c", write(tmp_path / "c.yaml", "databases: {main: {}}\n"))
    assert done.returncode == 2
    assert ":1:13: `databases.main.url` is missing" in done.stderr


def test_an_address_beyond_loopback_needs_the_override(tmp_path):
    text = ("listen: [{tcp: '0.0.0.0:PORT'}]\nhttp: off\n"
            "databases: {main: {url: 'sqlite://'}}\n")
    done = run_program("-c", write(tmp_path / "c.yaml", text.replace("PORT", "19999")))
    assert done.returncode == 2
    assert "listen_unprotected: true" in done.stderr
    with Daemon(text="listen_unprotected: true\n" + text.replace("PORT", "{port}")) as d:
        assert d.ask({"op": "ping"})["ok"] is True


def test_a_port_in_use_ends_with_1_and_is_named(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        path = write(tmp_path / "c.yaml", f"listen: [{{tcp: '127.0.0.1:{port}'}}]\nhttp: off\n"
                     "databases: {main: {url: 'sqlite://'}}\n")
        done = run_program("-c", path)
    assert done.returncode == 1
    assert str(port) in done.stderr + done.stdout
    assert "another `listen`" in done.stderr


def test_a_wrong_option_of_a_url_is_told_with_its_database(tmp_path):
    done = run_program("--check", write(tmp_path / "c.yaml", "databases: {shop: {url: "
                                        "'postgresql://app@db1/shop?sslmod=require'}}\n"))
    assert done.returncode == 2
    assert "`databases.shop.url`: PostgreSQL has no option \"sslmod\"" in done.stderr
    assert "such as sslmode" in done.stderr


def test_a_watch_without_tables_is_a_fault(tmp_path):
    done = run_program("--check", write(tmp_path / "c.yaml", "databases: {shop: {url: "
                                        "'postgresql://app@db1/shop', watch: {}}}\n"))
    assert done.returncode == 2
    assert ":1:61: `watch` needs `tables`" in done.stderr


def test_without_c_the_conf_folder_is_used(tmp_path):
    if os.path.exists("/etc/tribikos/tribikos.yaml"):
        pytest.fail("this machine has /etc/tribikos/tribikos.yaml, which comes first")
    (tmp_path / "conf").mkdir()
    write(tmp_path / "conf" / "tribikos.yaml", "databases: {main: {}}\n")
    done = run_program(cwd=tmp_path)
    assert done.returncode == 2
    assert "conf/tribikos.yaml:1:13" in done.stderr


def answers(port):
    try:
        with Client(("127.0.0.1", port), 5) as c:
            return c.ask({"op": "ping"}).get("ok") is True
    except OSError:
        return False


def test_try_serves_one_database_and_prints_lines_for_nc(tmp_path):
    """On the default ports; where another program has them, it is told so."""
    proc = subprocess.Popen([program(), "--try", f"sqlite:///{tmp_path}/x.db"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env=environment())
    end = time.monotonic() + 60
    try:
        while proc.poll() is None and not answers(7432) and time.monotonic() < end:
            time.sleep(0.02)
        proc.send_signal(signal.SIGTERM)
        text = proc.communicate(timeout=60)[0]
    finally:
        proc.kill()
    if proc.returncode == 1:
        assert "7432" in text or "7433" in text, text
        return
    assert proc.returncode == 0, text
    assert text.count("nc ") >= 3 and "7432" in text


def secret_forms():
    return [PASSWORD, urllib.parse.quote(PASSWORD, safe=""), urllib.parse.quote(PASSWORD)]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize("way", ["encoded", "env", "file", "whole url"])
def test_secrets_reach_the_database_and_nothing_else(request, tmp_path, kind, way):
    server = request.getfixturevalue(kind)
    encoded = urllib.parse.quote(PASSWORD, safe="")
    plain = server.url("fixture")
    put_in = {"encoded": plain,
              "env": plain.replace(encoded, "${env:SECRET}"),
              "file": plain.replace(encoded, "${file:" + str(tmp_path / "pw") + "}"),
              "whole url": "${env:WHOLE_URL}"}[way]
    write(tmp_path / "pw", PASSWORD + "\n")
    with Daemon({"main": {"url": put_in}}, conf={"log": {"level": "debug"}},
                env={"SECRET": PASSWORD, "WHOLE_URL": plain}) as d:
        with d.client() as c:
            assert c.query({"select": [["count", "*"]], "from": "users"},
                           expect="scalar")["value"] == 6
            shown = d.log() + str(d.stats()) + str(c.ask({"op": "hello", "version": 1}))
    shown += d.log()
    assert not any(form in shown for form in secret_forms())


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_refused_password_is_not_shown(request, kind):
    server = request.getfixturevalue(kind)
    url = server.url("fixture").replace(urllib.parse.quote(PASSWORD, safe=""), "hunter2%40")
    with Daemon({"main": {"url": url}}, conf={"log": {"level": "debug"}}) as d:
        with d.client() as c:
            error = c.fails({"query": {"select": "*", "from": "users"}}, "connection_failed")
            assert error["class"] == "connection" and error["retry"] is True
            assert "hunter2" not in str(error) + str(d.stats())
    assert "hunter2" not in d.log()


def test_a_secret_file_that_everybody_may_read_is_refused(tmp_path):
    path = write(tmp_path / "pw", "x", 0o644)
    conf = write(tmp_path / "c.yaml",
                 "databases: {main: {url: 'postgresql://u:${file:pw}@h/d'}}\n")
    done = run_program("--check", conf)
    assert done.returncode == 2
    assert "can be read by everybody" in done.stderr and path in done.stderr


# ---- reload ----

def knows(daemon, name):
    reply = daemon.ask({"query": {"select": [{"one": 1}]}, "db": name})
    return "error" not in reply


def wait_for_log(daemon, text, times):
    daemon.wait_until(lambda: daemon.log().count(text) >= times, f"logs {text!r}")


@pytest.fixture
def files(sqlite, copies):
    return [sqlite.url(copies(sqlite)) for _ in range(2)]


def test_reload_adds_and_removes_databases_and_keeps_clients(files):
    with Daemon({"main": {"url": files[0]}}) as d, d.client() as stays:
        stays.query({"select": ["id"], "from": "users"})
        assert not knows(d, "second")
        d.conf["databases"]["second"] = {"url": files[1]}
        d.write_conf()
        d.reload()
        d.wait_until(lambda: knows(d, "second"), "has the second database")
        assert len(stays.rows({"select": ["id"], "from": "users"})) == 6
        assert len(stays.rows({"select": ["id"], "from": "users"}, db="second")) == 6
        del d.conf["databases"]["second"]
        d.write_conf()
        d.reload()
        d.wait_until(lambda: not knows(d, "second"), "has lost the second database")
        assert len(stays.rows({"select": ["id"], "from": "users"})) == 6
        stays.fails({"query": {"select": ["id"], "from": "users"}, "db": "second"},
                    "unknown_database")


def test_a_faulty_reload_changes_nothing_and_is_told(files):
    with Daemon({"main": {"url": files[0]}}) as d, d.client() as stays:
        before = stays.rows({"select": ["id"], "from": "users", "order_by": ["id"]})
        d.write_conf("databases:\n  main: {url: 'sqlite://'}\nwrokers: 2\n")
        d.reload()
        d.wait_until(lambda: "wrokers" in d.log(), "tells the fault")
        assert stays.rows({"select": ["id"], "from": "users", "order_by": ["id"]}) == before
        assert d.ask({"op": "ping"})["ok"] is True


def test_reload_keeps_the_connections_of_unchanged_databases(postgresql, copies, files):
    names = [copies(postgresql), copies(postgresql)]
    databases = {n: {"url": postgresql.url(n)} for n in names}

    def pids(name):
        return postgresql.sql("SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM "
                              f"pg_stat_activity WHERE datname = '{name}'", "postgres").strip()
    with Daemon(databases, conf={"default_database": names[0]}) as d:
        for name in names:
            assert knows(d, name)
        before = {n: pids(n) for n in names}
        assert all(before.values())
        d.conf["databases"][names[1]]["pool"] = {"size": 2}
        d.conf["databases"]["third"] = {"url": files[0]}
        d.write_conf()
        d.reload()
        d.wait_until(lambda: knows(d, "third"), "has reloaded")
        assert all(knows(d, n) for n in names)
        d.wait_until(lambda: not set(pids(names[1]).split()) & set(before[names[1]].split()),
                     "closed the connections of the changed database")
        assert set(before[names[0]].split()) <= set(pids(names[0]).split())


def test_reload_under_load_fails_no_request(files):
    with Daemon({"main": {"url": files[0]}}) as d, d.client() as c:
        for i in range(20):
            d.conf["databases"]["main"]["slow"] = f"{i + 1}s"
            d.write_conf()
            d.reload()
            c.send(*[{"id": n, "query": {"select": ["id"], "from": "users"}} for n in range(50)])
            replies = c.recv_many(50)
            assert sorted(r["id"] for r in replies) == list(range(50))
            assert all("error" not in r and r["rowcount"] == 6 for r in replies)
