# SPDX-License-Identifier: MIT
"""Writers beside the daemon: triggers that tell, and who listens (conf `watch`).

A cached answer is never older than a second then, whoever wrote. What is served is asked
for until it is new: a test waits for a state, not for a time.
"""
import json
import os
import re
import signal
import subprocess

import fixture
import pytest
from cached import ask, becomes, kept
from conftest import Db
from daemon import ROOT, run_program
from servers import PASSWORD, USER, MariaDBPrimary

CACHE = {"cache": {"regions": {"default": {"backend": "memory", "ttl": "10m"}}}}
ONE = {"select": ["name"], "from": "users", "where": ["=", "id", 1]}
ALL = {"select": [["count", "*"]], "from": "orders"}
only_pg = pytest.mark.parametrize("server", ["postgresql"], indirect=True)


ALL_WATCHED = {"conf": CACHE, "settings": {"watch": {"tables": ["*"]}}}


def watch(db):
    return db.ask({"op": "stats"})["stats"]["databases"]["main"]["watch"]


def triggers(db):
    return db.sql("select count(*) from pg_trigger where tgname = 'tribikos_notify'").strip()


@only_pg
def test_what_others_write_is_seen(make_db):
    db = make_db(**ALL_WATCHED)
    with db.client() as c:
        kept(c, ONE)
        kept(c, ALL)
        db.sql("update users set name = 'Another' where id = 1")
        becomes(c, ONE, "Another")
        before = kept(c, ALL)
        db.sql("delete from orders")
        becomes(c, ALL, 0)
        assert before != 0
        db.sql("truncate users cascade")
        becomes(c, ONE, None)


@only_pg
def test_own_writes_are_not_heard_twice(make_db):
    """They are told of by ourselves, and more exactly: by key."""
    db = make_db(**ALL_WATCHED)
    two = {"select": ["name"], "from": "users", "where": ["=", "id", 2]}
    with db.client() as c:
        kept(c, ONE)
        kept(c, two)
        for i in range(20):
            done = c.ask({"query": {"update": "users", "set": {"name": {"value": f"N{i}"}},
                                    "where": ["=", "id", 1]}})
            assert done["rowcount"] == 1, done
            assert ask(c, ONE) == (f"N{i}", "miss")
            assert ask(c, two)[1] == "hit"
        kept(c, ONE)
        heard = watch(db)["heard"]
        db.sql("update users set name = 'Others' where id = 1")
        becomes(c, ONE, "Others")
        assert heard == 0
        db.daemon.wait_until(lambda: watch(db) == {"listens": True, "heard": 1}, "counts it")


@only_pg
def test_only_the_tables_that_are_named(make_db):
    db = make_db(conf=CACHE, settings={"watch": {"tables": ["orders", "public.users"]}})
    with db.client() as c:
        kept(c, ONE)
        assert triggers(db) == "2"
        db.sql("update users set name = 'Another' where id = 1")
        becomes(c, ONE, "Another")


@only_pg
def test_nothing_is_served_under_any_name_while_nobody_listens(make_db):
    """Two databases of the conf are one there."""
    db = make_db(conf=CACHE)
    db.daemon.conf["databases"]["second"] = {"url": db.url, "watch": {"tables": ["no_such"]}}
    db.daemon.write_conf()
    db.daemon.reload()
    db.daemon.wait_until(lambda: "are not heard of" in db.daemon.log(), "says that it does not")
    with db.client() as c:
        for name in ("main", "second") * 3:
            reply = c.ask({"query": ONE, "cache": True, "db": name})
            assert reply["cache"] != "hit", name


@only_pg
def test_triggers_are_left_to_others(make_db):
    db = make_db(conf=CACHE, settings={"watch": {"tables": ["users"], "install": False}})
    with db.client() as c:
        kept(c, ONE)
        assert triggers(db) == "0"
        db.sql("update users set name = 'Silent' where id = 1; select pg_notify('tribikos',"
               " '[\"public\",\"users\"]')")
        becomes(c, ONE, "Silent")
        db.sql("update users set name = 'Odd' where id = 1; select pg_notify('tribikos', 'x')")
        becomes(c, ONE, "Odd")  # what is not understood ends all


@only_pg
def test_a_second_start_finds_the_triggers(make_db):
    db = make_db(**ALL_WATCHED)
    with db.client() as c:
        kept(c, ONE)
    count = triggers(db)
    db.daemon.stop()
    db.daemon.start()
    with db.client() as c:
        kept(c, ONE)
        db.sql("update users set name = 'Another' where id = 1")
        becomes(c, ONE, "Another")
    assert triggers(db) == count


@only_pg
def test_a_table_made_later_is_watched_too(make_db):
    db = make_db(**ALL_WATCHED)
    fresh = {"select": ["v"], "from": "fresh", "where": ["=", "id", 1]}
    with db.client() as c:
        c.ask({"query": {"text": "create table fresh (id int primary key, v text)"}})
        done = c.ask({"query": {"insert": "fresh", "rows": [{"id": 1, "v": "a"}]}})
        assert done["rowcount"] == 1, done
        db.daemon.wait_until(lambda: db.sql(
            "select count(*) from pg_trigger where tgrelid = 'fresh'::regclass").strip() == "1",
            "the trigger is there")
        kept(c, fresh)
        db.sql("update fresh set v = 'b'")
        becomes(c, fresh, "b")


@only_pg
def test_nothing_is_kept_while_nobody_listens(make_db):
    """The listening session is killed: what was kept is over, and soon it is heard again."""
    db = make_db(**ALL_WATCHED)
    with db.client() as c:
        kept(c, ONE)
        db.sql("select pg_terminate_backend(pid) from pg_stat_activity"
               f" where datname = '{db.name}' and query ilike '%tribikos%'"
               " and pid <> pg_backend_pid(); update users set name = 'Missed' where id = 1")
        becomes(c, ONE, "Missed")
        assert kept(c, ONE) == "Missed"
        db.sql("update users set name = 'Heard' where id = 1")
        becomes(c, ONE, "Heard")


@only_pg
def test_a_name_that_is_no_table(make_db):
    """Then nothing is kept, the log says why, and all else goes on."""
    db = make_db(conf=CACHE, settings={"watch": {"tables": ["users'; drop table users; --"]}})
    with db.client() as c:
        db.daemon.wait_until(lambda: "not heard of" in db.daemon.log(), "the log says so")
        for _ in range(3):
            assert ask(c, ONE)[1] == "miss"
        assert c.query(ONE)["rowcount"] == 1


@only_pg
def test_pause_and_stop_do_not_wait_for_the_listener(make_db):
    db = make_db(**ALL_WATCHED)
    with db.client() as c:
        kept(c, ONE)
        assert c.ask({"op": "pause"})["state"] == "paused"
        assert c.ask({"op": "resume"})["state"] == "open"
        kept(c, ONE)


@only_pg
def test_a_server_that_stands_still(make_db, postgresql):
    """No answer for half a second: what it may have missed is not served."""
    db = make_db(**ALL_WATCHED)
    with db.client() as c:
        kept(c, ONE)
        pid = int(db.sql("select pid from pg_stat_activity where datname ="
                         f" '{db.name}' and query ilike '%tribikos%'"
                         " and pid <> pg_backend_pid() limit 1").strip())
        os.kill(pid, signal.SIGSTOP)
        try:
            db.sql("update users set name = 'Unheard' where id = 1")
            becomes(c, ONE, "Unheard")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert kept(c, ONE) == "Unheard"


@pytest.mark.parametrize("url", ["mariadb://app@db/shop", "sqlite:///shop.db"])
def test_others_cannot_tell(url, tmp_path):
    path = tmp_path / "tribikos.yaml"
    path.write_text(json.dumps({"databases": {"main": {"url": url,
                                                       "watch": {"tables": ["*"]}}}}))
    done = run_program("--check", str(path))
    assert done.returncode == 2
    assert "only PostgreSQL tells" in done.stderr


class RowsLogged(MariaDBPrimary):
    def command(self):
        return super().command() + ["--binlog-format=ROW"]


@pytest.fixture
def logged():
    """A daemon whose MariaDB has a binary log of rows."""
    with RowsLogged() as server:
        fixture.load(server, "fixture")
        found = Db(server, "fixture", conf=CACHE)
        try:
            yield found
            found.daemon.stop()
        finally:
            found.daemon.kill()


def recipe(db):
    """The pipe of docs/CACHE.md, for these servers."""
    with open(os.path.join(ROOT, "docs", "CACHE.md"), encoding="utf-8") as f:
        text = re.search(r"```sh\n(mariadb-binlog.*?)```", f.read(), re.S).group(1)
    newest = db.server.sql("show binary logs", "mysql").split("\n")[-2].split("\t")[0]
    for was, is_now in (("--host=db3 --port=3306", f"--host=127.0.0.1 --port={db.server.port}"),
                        ("--user=repl", f"--user={USER}"), ("binlog.000001", newest),
                          ("127.0.0.1 7432", f"127.0.0.1 {db.daemon.port}")):
        assert was in text, was
        text = text.replace(was, is_now)
    return text


def test_the_binary_log_tells_too(logged):
    db = logged
    logged.daemon.wait_until(lambda: "\t" in db.server.sql("show binary logs", "mysql"), "a log")
    pipe = subprocess.Popen(["sh", "-c", recipe(db)], start_new_session=True,
                            env={**os.environ, "PASSWORD": PASSWORD})
    try:
        with db.client() as c:
            for n in range(3):
                kept(c, ONE)
                db.sql(f"update users set name = 'Other {n}' where id = 1")
                becomes(c, ONE, f"Other {n}")
    finally:
        os.killpg(pipe.pid, signal.SIGTERM)
        pipe.wait(30)
