# SPDX-License-Identifier: MIT
"""The result cache as a client sees it: what is answered from it, what is not, and what
makes it forget. Who reads for whom is in test_cache_flights.py."""
import time

import pytest
from daemon import Daemon

USERS = {"select": ["id", "name"], "from": "users", "order_by": ["id"]}
ONE = {"select": ["id", "name"], "from": "users", "where": ["=", "id", 1]}


@pytest.fixture
def cached(make_db):
    """cached(regions, rules) → a Db with a cache like that."""
    def make(regions=None, rules=None, **kw):
        cache = {"regions": regions or {"default": {}}, "rules": rules or []}
        return make_db(conf={"cache": cache, **kw.pop("conf", {})}, **kw)
    return make


def word(client, query, cache=True, **rest):
    return client.query(query, cache=cache, **rest)["cache"]


def rename(client, name, where=True):
    client.query({"update": "users", "data": {"name": name}, "where": where})


# ---- what the reply says ----
def test_a_second_read_is_a_hit_and_says_the_same(cached):
    with cached().client() as c:
        first = c.query(USERS, id=1, cache=True)
        second = c.query(USERS, id=2, cache=True)
        assert list(first)[:2] == ["id", "cache"]  # right behind the id
        assert (first.pop("cache"), first.pop("id")) == ("miss", 1)
        assert (second.pop("cache"), second.pop("id")) == ("hit", 2)
        assert first == second == c.query(USERS)


def test_who_did_not_ask_is_not_told(cached):
    with cached().client() as c:
        assert word(c, USERS) == "miss"
        assert "cache" not in c.query(USERS)


def test_what_a_client_sees_is_the_same_in_every_form(cached):
    forms = [{"as": form} for form in ("arrays", "objects", "columns")]
    forms += [{"expect": e} for e in ("first", "scalar", "scalars", "count", "exists")]
    with cached().client() as c:
        for _ in range(2):
            for form in forms:
                plain = c.query(USERS, **form)
                for expected in ("miss", "hit"):
                    reply = c.query(USERS, cache={"tags": ["x"]}, **form)
                    assert reply.pop("cache") == expected, form
                    assert reply == plain, form
            c.ask({"op": "invalidate", "tags": ["x"]})


def test_expect_one_is_checked_each_time(cached):
    with cached().client() as c:
        assert c.query(ONE, cache=True, expect="one")["rows"] == c.rows(ONE)
        assert word(c, ONE, expect="one") == "hit"
        for _ in range(2):  # an error is never kept
            c.fails({"query": USERS, "cache": True, "expect": "one"}, "multiple_results")
            c.fails({"query": {**ONE, "where": ["=", "id", -1]}, "cache": True,
                     "expect": "one"}, "no_result")


def test_int64_is_part_of_what_is_kept(cached):
    query = {"select": [{"n": ["count", "*"]}], "from": "users"}
    db = cached()
    with db.client() as numbers, db.client() as strings:
        strings.ask({"op": "hello", "int64": "string"})
        assert word(numbers, query) == "miss" and word(strings, query) == "miss"
        assert word(numbers, query) == "hit" and word(strings, query) == "hit"
        assert numbers.query(query, cache=True)["rows"] == [[6]]
        assert strings.query(query, cache=True)["rows"] == [["6"]]


def test_equal_requests_are_one_however_they_are_written(cached):
    with cached().client() as c:
        assert word(c, ONE) == "miss"
        assert word(c, {"from": "users", "where": ["=", "id", ":i"],
                        "select": ["id", "name"]}, params={"i": 1}) == "hit"
        assert word(c, ONE, params={}) == "hit"
        assert word(c, ONE, timeout="5s") == "hit"


def test_other_values_are_another_result(cached):
    query = {**ONE, "where": ["=", "id", ":i"]}
    with cached().client() as c:
        for i in range(1, 6):
            assert word(c, query, params={"i": i}) == "miss"
        for i in range(1, 6):
            reply = c.query(query, cache=True, params={"i": i})
            assert reply["cache"] == "hit" and reply["rows"][0][0] == i


def test_prepared_statements_share_what_is_kept(cached):
    db = cached()
    with db.client() as a, db.client() as b:
        for c in (a, b):
            c.ask({"op": "prepare", "name": "one", "query": {**ONE, "where": ["=", "id", ":i"]}})
        assert a.ask({"run": "one", "params": {"i": 1}, "cache": True})["cache"] == "miss"
        assert b.ask({"run": "one", "params": {"i": 1}, "cache": True})["cache"] == "hit"
        assert word(a, ONE) == "hit"


def test_pages_have_their_own_after(cached):
    page = {"select": ["id"], "from": "users", "order_by": ["id"], "limit": 2, "after": None}
    with cached().client() as c:
        plain = c.query(page)
        for expected in ("miss", "hit"):
            reply = c.query(page, cache=True)
            assert reply.pop("cache") == expected
            assert reply == plain


def test_several_workers_share_a_region(cached):
    db = cached(conf={"workers": 2})
    clients = [db.client() for _ in range(6)]
    words = [word(c, USERS) for c in clients]
    assert words == ["miss"] + ["hit"] * 5
    for c in clients:
        c.close()


def test_a_large_answer_is_kept_whole(cached):
    letters = "x" * 50000
    db = cached()
    with db.client() as c:
        query = {"select": ["id", {"t": {"value": letters, "type": "text"}}], "from": "users",
                 "order_by": ["id"]}
        plain = c.query(query)
        for expected in ("miss", "hit", "hit"):
            reply = c.query(query, cache=True)
            assert reply.pop("cache") == expected
            assert reply == plain


# ---- what is never kept ----
def test_what_is_not_the_same_twice_is_not_kept(cached):
    with cached().client() as c:
        for query in ({"select": [{"t": ["now"]}]}, {"select": [{"r": ["random"]}]}):
            assert [word(c, query) for _ in range(2)] == ["bypass"] * 2


def test_raw_sql_is_kept_only_with_tags(cached):
    text = {"text": "select count(*) as n from users"}
    with cached().client() as c:
        assert [word(c, text) for _ in range(2)] == ["bypass"] * 2
        tags = {"tags": ["users"]}
        assert [word(c, text, tags) for _ in range(2)] == ["miss", "hit"]
        write = {"text": "update users set name = name where id = 1"}
        assert [word(c, write, tags) for _ in range(2)] == ["bypass"] * 2
        assert [word(c, text, tags) for _ in range(2)] == ["miss", "hit"]  # it wrote anywhere


def test_a_line_that_is_not_whole_is_no_hit(cached):
    """It has all bytes by which the answer of a good one is found."""
    with cached().client() as c:
        good = b'{"cache":true,"query":{"select":["id"],"from":"users"},"id":7}\n'
        for expected in ("miss", "hit", "hit"):
            c.send_raw(good)
            assert c.recv()["cache"] == expected
        for start in (b'{', b'{"id":8,'):
            c.send_raw(start + b'"cache":true,"query":{"select":["id"],"from":"users"}\n')
            assert c.recv()["error"]["code"] == "bad_json"
        c.send_raw(good.replace(b',"id":7', b''))
        assert c.recv()["cache"] == "hit"


def test_transactions_go_round_the_cache(cached):
    with cached().client() as c:
        assert word(c, ONE) == "miss"
        c.ask({"op": "begin", "tx": 1})
        assert [word(c, ONE, tx=1) for _ in range(2)] == ["bypass"] * 2
        c.query({"update": "users", "data": {"name": "mine"}, "where": ["=", "id", 1]}, tx=1)
        inside = c.query(ONE, cache=True, tx=1)
        assert inside["cache"] == "bypass" and inside["rows"] == [[1, "mine"]]
        c.ask({"op": "rollback", "tx": 1})
        outside = c.query(ONE, cache=True)
        assert outside["cache"] == "hit" and outside["rows"] != [[1, "mine"]]


def test_streams_locks_and_positions_go_round_the_cache(cached):
    with cached().client() as c:
        c.send({"id": 1, "query": USERS, "cache": True, "stream": True})
        head = c.recv()
        assert head["cache"] == "bypass", head
        while "done" not in c.recv():
            pass
        for_update = {**ONE, "for": {"update": True}}
        assert [word(c, for_update) for _ in range(2)] == ["bypass"] * 2


def test_writes_are_writes(cached):
    db = cached()
    with db.client() as c:
        insert = {"insert": "departments", "rows": [{"id": 70, "name": "x"}]}
        assert c.query(insert, cache=True)["cache"] == "bypass"
        c.fails({"query": insert, "cache": True}, "unique_violation")


def test_bypass_neither_looks_nor_keeps(cached):
    with cached().client() as c:
        for cache in (False, {"mode": "bypass"}):
            assert [word(c, ONE, cache) for _ in range(2)] == ["bypass"] * 2
        assert word(c, ONE) == "miss"


def test_a_step_of_a_batch_has_no_cache(cached):
    with cached().client() as c:
        step = {"query": ONE, "cache": True}
        error = c.fails({"op": "batch", "steps": [step]}, "unknown_key")
        assert error["path"] == "/steps/0/cache"


# ---- writes through the daemon ----
def test_a_write_to_its_table_is_seen_at_once(cached):
    db = cached()
    with db.client() as reader, db.client() as writer:
        for i in range(20):
            rename(writer, f"name {i}", ["=", "id", 1])
            assert reader.query(ONE, cache=True)["rows"] == [[1, f"name {i}"]]
            assert word(reader, ONE) == "hit"


def test_other_tables_stay(cached):
    departments = {"select": ["id"], "from": "departments"}
    with cached().client() as c:
        assert (word(c, USERS), word(c, departments)) == ("miss", "miss")
        rename(c, "other")
        assert (word(c, USERS), word(c, departments)) == ("miss", "hit")


def test_a_join_depends_on_each_of_its_tables(cached):
    join = {"select": ["users.name", "addresses.email_address"], "from": "users",
            "join": [{"inner": "addresses", "on": ["=", "users.id", "addresses.user_id"]}]}
    with cached().client() as c:
        assert [word(c, join) for _ in range(2)] == ["miss", "hit"]
        c.query({"update": "addresses", "data": {"confirmed": True}, "where": True})
        assert [word(c, join) for _ in range(2)] == ["miss", "hit"]
        rename(c, "x")
        assert [word(c, join) for _ in range(2)] == ["miss", "hit"]


def test_a_transaction_is_seen_when_it_is_committed(cached):
    db = cached()
    with db.client() as reader, db.client() as writer:
        assert word(reader, ONE) == "miss"
        writer.ask({"op": "begin", "tx": "t"})
        writer.query({"update": "users", "data": {"name": "new"}, "where": ["=", "id", 1]},
                     tx="t")
        if db.kind != "sqlite":  # where a write of two transactions at a time is possible
            assert word(reader, ONE) == "hit"
        writer.ask({"op": "rollback", "tx": "t"})
        assert word(reader, ONE) == "hit"  # nothing became visible
        writer.ask({"op": "begin", "tx": "t"})
        writer.query({"update": "users", "data": {"name": "new"}, "where": ["=", "id", 1]},
                     tx="t")
        assert "error" not in writer.ask({"op": "commit", "tx": "t"})
        assert reader.query(ONE, cache=True)["rows"] == [[1, "new"]]


def test_a_change_of_the_schema_empties_its_database(cached):
    with cached().client() as c:
        assert [word(c, USERS) for _ in range(2)] == ["miss", "hit"]
        c.query({"text": "create table fresh (id integer primary key)"})
        assert [word(c, USERS) for _ in range(2)] == ["miss", "hit"]


def test_no_row_is_an_answer_too(cached):
    nobody = {**ONE, "where": ["=", "id", 77]}
    with cached().client() as c:
        assert [word(c, nobody) for _ in range(2)] == ["miss", "hit"]
        c.query({"insert": "users", "rows": [{"id": 77, "name": "born"}]})
        assert c.query(nobody, cache=True)["rows"] == [[77, "born"]]
        assert word(c, nobody) == "hit"


def test_no_row_is_not_kept_where_the_conf_says_so(cached):
    nobody = {**ONE, "where": ["=", "id", 77]}
    with cached({"default": {"negative": False}}).client() as c:
        assert [word(c, nobody) for _ in range(3)] == ["miss"] * 3
        assert [word(c, ONE) for _ in range(2)] == ["miss", "hit"]


# ---- writes that go round it ----
def test_a_write_that_goes_round_is_seen_when_it_is_told(cached):
    db = cached()
    cache = {"tags": ["people", "of:1"], "key": "first user"}
    with db.client() as c:
        for n, told in enumerate(({"tables": ["users"]}, {"tables": ["users"], "db": "main"},
                                  {"tags": ["of:1"]}, {"tags": ["none", "people"]},
                                  {"tables": ["*"]}, {"tables": ["departments", "*"]},
                                  {"key": "first user"}, {"region": "default"},
                                  {"region": "default", "key": "first user"},
                                  {"tables": ["departments"], "tags": ["people"]})):
            assert word(c, ONE, cache) == "miss"
            db.sql(f"update users set name = 'round {n}' where id = 1")
            assert c.query(ONE, cache=cache)["cache"] == "hit"
            reply = c.ask({"op": "invalidate", **told})
            assert reply["ok"] and all(reply[k] == v for k, v in told.items())
            assert c.query(ONE, cache=cache)["rows"] == [[1, f"round {n}"]]
            c.ask({"op": "invalidate", "tags": ["people"]})


def test_what_was_not_meant_stays(cached):
    db = cached({"default": {}, "other": {}})
    with db.client() as c:
        assert word(c, ONE, {"tags": ["a"], "key": "k"}) == "miss"
        for told in ({"tables": ["departments"]}, {"tags": ["b", "A", "a "]}, {"key": "j"},
                     {"region": "other"}, {"region": "other", "key": "k"}):
            assert c.ask({"op": "invalidate", **told})["ok"]
            assert word(c, ONE, {"tags": ["a"], "key": "k"}) == "hit", told


def test_tags_belong_to_who_gave_them(cached):
    """Somebody else's tag must not keep mine from working."""
    with cached().client() as c:
        assert word(c, ONE, {"tags": ["his"]}) == "miss"
        assert word(c, ONE, {"tags": ["mine"]}) == "miss"
        c.ask({"op": "invalidate", "tags": ["mine"]})
        assert word(c, ONE, {"tags": ["his"]}) == "hit"
        assert word(c, ONE, {"tags": ["mine"]}) == "miss"
        assert word(c, ONE, {"tags": ["b", "a"]}) == "miss"
        assert word(c, ONE, {"tags": ["a", "b"]}) == "hit"


@pytest.mark.parametrize("wrong, code, path", [
    ({}, "bad_request", "/tables"),
    ({"tables": ["usres"]}, "unknown_table", "/tables/0"),
    ({"tables": ["users", "nowhere.users"]}, "unknown_table", "/tables/1"),
    ({"tables": ["users"], "db": "mian"}, "unknown_database", "/db"),
    ({"tables": []}, "bad_request", "/tables"),
    ({"tags": ["x"], "db": "main"}, "bad_request", "/db"),
    ({"tags": ["x"], "region": "default"}, "bad_request", "/region"),
    ({"tables": ["users"], "key": "k"}, "bad_request", "/key"),
    ({"region": "defualt"}, "bad_request", "/region"),
    ({"region": "nowhere", "key": "k"}, "bad_request", "/region"),
    ({"query": ONE, "tags": ["x"]}, "unknown_key", "/query"),
])
def test_an_invalidation_that_means_nothing_is_refused(client, wrong, code, path):
    assert client.fails({"op": "invalidate", **wrong}, code)["path"] == path


@pytest.mark.parametrize("wrong, path", [
    (None, "/cache"), (1, "/cache"), ("use", "/cache"), ([], "/cache"),
    ({"region": "defalut"}, "/cache/region"), ({"region": 1}, "/cache/region"),
    ({"ttl": 5}, "/cache/ttl"), ({"ttl": "5"}, "/cache/ttl"), ({"tags": []}, "/cache/tags"),
    ({"tags": ["a", "a"]}, "/cache/tags"), ({"key": ""}, "/cache/key"),
    ({"mode": "off"}, "/cache/mode"),
])
def test_a_wrong_word_about_the_cache(client, wrong, path):
    error = client.fails({"query": ONE, "cache": wrong}, "bad_request")
    assert error["path"] == path, error


def test_an_unknown_region_names_the_nearest(client):
    assert client.fails({"query": ONE, "cache": {"region": "defalt"}})["hint"] == \
        'did you mean "default"?'
    assert client.fails({"query": ONE, "cache": {"regoin": "x"}}, "unknown_key")["hint"] == \
        'did you mean "region"?'


# ---- age ----
def test_a_result_has_its_time(cached):
    db = cached({"default": {"ttl": "300ms"}})
    with db.client() as c:
        assert word(c, ONE) == "miss"
        db.sql("update users set name = 'round' where id = 1")
        db.daemon.wait_until(lambda: c.query(ONE, cache=True)["rows"] == [[1, "round"]],
                             "the old one is too old")


def test_a_request_may_ask_for_less_time_and_not_for_more(cached):
    db = cached({"default": {"ttl": "60s"}, "short": {"ttl": "200ms"}})
    with db.client() as c:
        assert word(c, ONE) == "miss"
        time.sleep(0.01)
        assert word(c, ONE, {"ttl": "5ms"}) == "miss"
        assert word(c, ONE, {"ttl": "1h"}) == "hit"
        short = {"region": "short", "ttl": "1h"}
        assert word(c, ONE, short) == "miss"
        db.daemon.wait_until(lambda: word(c, ONE, short) == "miss", "it is too old")


def test_refresh_reads_anew_for_all(cached):
    db = cached()
    with db.client() as a, db.client() as b:
        assert word(a, ONE) == "miss"
        db.sql("update users set name = 'round' where id = 1")
        assert a.query(ONE, cache=True)["rows"] != [[1, "round"]]
        fresh = b.query(ONE, cache={"mode": "refresh"})
        assert fresh["cache"] == "miss" and fresh["rows"] == [[1, "round"]]
        kept = a.query(ONE, cache=True)
        assert kept["cache"] == "hit" and kept["rows"] == [[1, "round"]]


# ---- regions ----
def test_regions_are_apart(cached):
    db = cached({"default": {}, "other": {}})
    with db.client() as c:
        assert word(c, ONE) == "miss"
        assert word(c, ONE, {"region": "other"}) == "miss"
        assert word(c, ONE, {"region": "default"}) == "hit"
        c.ask({"op": "invalidate", "region": "default"})
        assert word(c, ONE) == "miss"
        assert word(c, ONE, {"region": "other"}) == "hit"


def test_without_regions_nothing_is_kept(make_db):
    with make_db(conf={"cache": {"regions": {}}}).client() as c:
        assert [word(c, ONE) for _ in range(2)] == ["bypass"] * 2
        c.fails({"query": ONE, "cache": {"region": "default"}}, "bad_request")
        c.fails({"op": "invalidate", "key": "k"}, "bad_request")
        assert c.ask({"op": "invalidate", "tables": ["users"]})["ok"]


def test_the_only_region_is_meant_by_who_names_none(cached):
    with cached({"mine": {}}).client() as c:
        assert [word(c, ONE) for _ in range(2)] == ["miss", "hit"]
        assert word(c, ONE, {"region": "mine"}) == "hit"


def test_what_is_too_large_is_not_kept(cached):
    db = cached({"default": {"max_entry": "2KiB"}})
    with db.client() as c:
        query = {"select": [{"t": {"value": "x" * 3000, "type": "text"}}], "from": "users"}
        assert [word(c, query) for _ in range(2)] == ["miss", "miss"]
        assert db.daemon.region()["refused"] == 2
        assert [word(c, ONE) for _ in range(2)] == ["miss", "hit"]


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_a_region_keeps_to_its_size(cached):
    db = cached({"default": {"max_bytes": "1MiB"}})
    query = {"select": [{"i": {"value": ":i", "type": "integer"}},
                        {"t": {"value": "x" * 4000, "type": "text"}}], "from": "users"}
    query["select"][0]["i"] = ["+", "id", ":i"]
    with db.client() as c:
        for i in range(400):
            assert word(c, {**query, "limit": 1}, params={"i": i}) == "miss"
        found = db.daemon.region()
        assert found["bytes"] <= found["max_bytes"] * 1.01
        assert 0 < found["entries"] < 400 and found["evicted"] + found["refused"] > 0


# ---- rules ----
def hits_without_asking(db, client, query, **rest):
    """Whether a read that does not ask is answered from the cache the second time."""
    client.query(query, **rest)
    before = db.daemon.region()["hits"]
    client.query(query, **rest)
    return db.daemon.region()["hits"] == before + 1


@pytest.mark.parametrize("rule, fits", [
    ({"tables": ["users"]}, True),
    ({"tables": ["departments", "users"]}, True),
    ({"tables": ["*"]}, True),
    ({"tables": ["departments"]}, False),
    ({"tables": ["users"], "databases": ["main"]}, True),
    ({"tables": ["users"], "runs": ["one"]}, False),
])
def test_a_rule_is_for_whom_it_names(cached, rule, fits):
    db = cached(rules=[rule])
    with db.client() as c:
        assert hits_without_asking(db, c, USERS) == fits
        assert "cache" not in c.query(USERS)


def test_a_rule_needs_all_tables_of_a_read(cached):
    db = cached(rules=[{"tables": ["users"]}])
    join = {"select": ["users.name"], "from": "users",
            "join": [{"inner": "addresses", "on": ["=", "users.id", "addresses.user_id"]}]}
    with db.client() as c:
        assert not hits_without_asking(db, c, join)
        assert hits_without_asking(db, c, USERS)


def test_a_rule_for_prepared_statements(cached):
    db = cached(rules=[{"runs": ["top"]}])
    with db.client() as c:
        for name in ("top", "other"):
            c.ask({"op": "prepare", "name": name, "query": USERS})
        before = db.daemon.region()["hits"]
        for name in ("top", "other", "other", "top"):
            assert "cache" not in c.ask({"run": name})
        assert db.daemon.region()["hits"] == before + 1


def test_a_rule_for_reads_by_key(cached):
    db = cached(rules=[{"tables": ["*"], "shape": "key"}])
    with db.client() as c:
        assert not hits_without_asking(db, c, USERS)
        assert hits_without_asking(db, c, ONE)


def test_the_time_of_a_rule_is_its_own(cached):
    """Also where the same result is kept for longer for who asks otherwise."""
    db = cached(rules=[{"tables": ["users"], "ttl": "200ms"}])
    with db.client() as c:
        assert word(c, ONE, {"region": "default"}) == "miss"
        for _ in range(3):
            c.query(ONE)
        db.sql("update users set name = 'round' where id = 1")
        db.daemon.wait_until(lambda: c.rows(ONE) == [[1, "round"]], "it is too old")
        assert c.query(ONE, cache={"region": "default"})["rows"] != [[1, "round"]]


def test_a_request_goes_before_a_rule(cached):
    db = cached({"default": {}, "other": {}}, [{"tables": ["users"], "region": "other"}])
    with db.client() as c:
        c.query(ONE)
        assert word(c, ONE) == "hit"  # the rule's region
        assert word(c, ONE, {"region": "default"}) == "miss"
        assert word(c, ONE, False) == "bypass"
        assert db.daemon.region("other")["entries"] == db.daemon.region()["entries"] == 1


def test_a_rule_sees_its_own_writes(cached):
    db = cached(rules=[{"tables": ["*"]}])
    with db.client() as c:
        for i in range(20):
            c.send({"query": {"update": "users", "data": {"name": f"n{i}"},
                              "where": ["=", "id", 1]}}, {"query": ONE}, {"query": ONE})
            replies = c.recv_many(3)
            assert replies[1]["rows"] == replies[2]["rows"] == [[1, f"n{i}"]]


# ---- reloads ----
def test_what_is_kept_outlives_a_reload_that_leaves_it(cached):
    db = cached({"default": {"ttl": "60s"}, "sized": {}, "gone": {}})
    daemon = db.daemon
    with db.client() as c:
        for region in ("default", "sized", "gone"):
            assert word(c, ONE, {"region": region}) == "miss"
        daemon.conf["cache"] = {"regions": {"default": {"ttl": "50s"},
                                            "sized": {"max_bytes": "8MiB"}, "new": {}}}
        daemon.write_conf()
        daemon.reload()
        daemon.wait_until(lambda: "new" in daemon.stats()["cache"]["regions"], "a new region")
        daemon.wait_until(lambda: "error" not in c.ask({"query": ONE,
                                                         "cache": {"region": "new"}}),
                          "this worker has it")
        assert word(c, ONE) == "hit"
        assert word(c, ONE, {"region": "sized"}) == "miss"
        c.fails({"query": ONE, "cache": {"region": "gone"}}, "bad_request")


def test_a_schema_that_changed_behind_our_back(cached):
    """Noticed with the next reading of it; one that finds nothing new leaves what is kept."""
    db = cached()
    with db.client() as c:
        assert word(c, USERS) == "miss"
        c.ask({"op": "schema.reload"})
        assert word(c, USERS) == "hit"
        db.sql("alter table departments add column extra integer")
        c.ask({"op": "schema.reload"})
        assert word(c, USERS) == "miss"


def test_a_database_that_is_another_one_after_a_reload(cached, server, copies):
    db = cached()
    other = copies(server)
    server.load("update users set name = 'other'", other)
    with db.client() as c:
        assert c.query(ONE, cache=True)["rows"] != [[1, "other"]]
        db.daemon.conf["databases"]["main"]["url"] = server.url(other)
        db.daemon.write_conf()
        db.daemon.reload()
        db.daemon.wait_until(lambda: c.query(ONE)["rows"] == [[1, "other"]], "the other one")
        assert c.query(ONE, cache=True)["rows"] == [[1, "other"]]
    server.drop(other)


# ---- what is counted ----
def test_show_and_stats_tell_the_same(cached):
    db = cached({"default": {}, "other": {}})
    with db.client() as c:
        for _ in range(3):
            word(c, ONE)
        word(c, {"select": [{"t": ["now"]}]})
        word(c, USERS, {"mode": "refresh"})
        shown = c.ask({"op": "show", "what": "cache"})
        rows = {row[0]: dict(zip(shown["columns"], row)) for row in shown["rows"]}
        stats = db.daemon.region()
        stats.pop("ages")
        assert list(stats) == shown["columns"][2:]
        assert rows["default"] == {"region": "default", "backend": "memory", **stats}
        assert (stats["hits"], stats["fills"], stats["entries"]) == (2, 2, 2)
        assert (stats["refreshes"], stats["bypasses"]) == (1, 1)
        assert rows["other"]["fills"] == 0


def test_statements_are_counted_hottest_first(cached):
    db = cached(conf={"workers": 2})
    with db.client() as a, db.client() as b:
        for c in (a, b):
            for i in range(1, 4):
                word(c, {**ONE, "where": ["=", "id", ":i"]}, params={"i": i})
            word(c, {"select": [{"t": ["now"]}]})
        word(a, USERS)
        shown = a.ask({"op": "show", "what": "plans"})
        assert shown["columns"] == ["db", "sql", "cache_hits", "cache_stale", "cache_misses",
                                    "cache_bypasses"]
        assert all(row[0] == "main" for row in shown["rows"])
        counts = [row[2:] for row in shown["rows"]]
        assert counts[0] == [3, 0, 3, 0] and "where" in shown["rows"][0][1].lower()
        assert sorted(counts[1:]) == [[0, 0, 0, 2], [0, 0, 1, 0]]


def test_requests_are_counted_as_ever(cached):
    db = cached()
    with db.client() as c:
        before = db.daemon.stats()["requests"]["by_kind"]["query"]
        for _ in range(5):
            word(c, ONE)
        assert db.daemon.stats()["requests"]["by_kind"]["query"] == before + 5


def test_two_databases_of_one_server_are_apart(server, copies):
    names = [copies(server), copies(server)]
    with Daemon({"main": {"url": server.url(names[0])},
                 "second": {"url": server.url(names[1])}}) as daemon, daemon.client() as c:
        assert word(c, ONE, db="main") == word(c, ONE, db="second") == "miss"
        rename(c, "changed")
        assert c.query(ONE, cache=True, db="main")["rows"] == [[1, "changed"]]
        assert word(c, ONE, db="second") == "hit"
        c.ask({"op": "invalidate", "tables": ["users"], "db": "second"})
        assert word(c, ONE, db="main") == "hit"
        assert word(c, ONE, db="second") == "miss"
    for name in names:
        server.drop(name)
