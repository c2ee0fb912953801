# SPDX-License-Identifier: MIT
"""Answers that are found in the result cache by the bytes of the request, without reading
it: they must be those that reading it would have given."""
import json
import signal

import pytest

CACHE = {"cache": {"regions": {"default": {"backend": "memory", "ttl": "10m"}}}, "workers": 1}
QUERY = {"select": ["id", "name"], "from": "users", "where": ["=", "id", 1]}


@pytest.fixture
def cached(make_db):
    return make_db(conf=CACHE)


def lines(c, *texts):
    """Raw lines in one write; the replies, in order of arrival."""
    c.send_raw(b"".join(t.encode() + b"\n" for t in texts))
    return [c.recv() for _ in texts]


def planned(db):
    """How many requests were read and came to a plan."""
    return db.ask({"op": "stats"})["stats"]["latency"]["plan"]["count"]


def body(extra=""):
    return f'"query":{json.dumps(QUERY)},"cache":true{extra}'


@pytest.mark.parametrize("make", [
    lambda n: f'{{"id":{n},{body()}}}',
    lambda n: f'{{ "id" : {n} , {body()} }}',
    lambda n: f'{{{body()},"id":{n}}}',
    lambda n: f'{{{body()}, "id" : {n} }}',
    lambda n: f'{{"id":"text {n}",{body()}}}',
], ids=["first", "blanks", "last", "last, blanks", "text"])
def test_found_without_reading(cached, make):
    with cached.client() as c:
        first, = lines(c, make(1))
        assert first["cache"] == "miss"
        before = planned(cached)
        second, = lines(c, make(20))
        assert second["cache"] == "hit"
        assert planned(cached) == before, "it was read"
        assert second["id"] == json.loads(make(20))["id"]
        for key in ("columns", "types", "rows", "rowcount"):
            assert second[key] == first[key]


def test_without_id(cached):
    with cached.client() as c:
        first, = lines(c, "{" + body() + "}")
        before = planned(cached)
        second, = lines(c, "{" + body() + "}")
        assert planned(cached) == before
        assert "id" not in second and second["cache"] == "hit"
        assert second["rows"] == first["rows"]


def test_ids_that_are_none_are_refused_all_the_same(cached):
    with cached.client() as c:
        lines(c, f'{{"id":1,{body()}}}', "{" + body() + "}")
        for text in (f'{{"id":01,{body()}}}', f'{{"id":1,{body()},"id":2}}',
                     f'{{"id":1.5.1,{body()}}}', f'{{"id":tru,{body()}}}',
                     f'{{"id":1,{body()}', f'{{"id":1,{body()}}}}}'):
            reply, = lines(c, text)
            assert reply["error"]["class"] == "protocol", text


def test_an_id_in_flight_is_taken(cached):
    """Two that are alike in one write: the first is being read when the second comes."""
    other = json.dumps({"select": ["id"], "from": "orders", "order_by": ["id"]})
    with cached.client() as c:
        lines(c, f'{{"id":1,{body()}}}')
        replies = lines(c, f'{{"id":1,"query":{other}}}', f'{{"id":1,{body()}}}')
        assert sorted("error" in r for r in replies) == [False, True]
        error = next(r for r in replies if "error" in r)["error"]
        assert error["code"] == "duplicate_id"


def test_own_writes_are_seen_without_ids(cached):
    """A line without id has its place behind the write that stands before it."""
    text = "{" + body() + "}"
    with cached.client() as c:
        lines(c, text)
        assert lines(c, text)[0]["cache"] == "hit"
        for n in range(50):
            write = json.dumps({"query": {"update": "users", "set": {"name": {"value": f"n{n}"}},
                                          "where": ["=", "id", 1]}})
            done, read, again = lines(c, write, text, text)
            assert done["rowcount"] == 1
            assert read["rows"] == again["rows"] == [[1, f"n{n}"]]


def test_settings_of_the_connection_count(cached):
    """The same bytes mean another thing after hello."""
    big = {"select": [["cast", 9007199254740993, "bigint"], "id"], "from": "users",
           "where": ["=", "id", 1]}
    text = f'{{"id":1,"query":{json.dumps(big)},"cache":true}}'
    with cached.client() as a, cached.client() as b:
        number, = lines(a, text)
        assert lines(a, text)[0]["cache"] == "hit"
        assert b.ask({"op": "hello", "version": 1, "int64": "string"})["ok"]
        for _ in range(2):
            assert lines(b, text)[0]["rows"][0][0] == "9007199254740993"
        assert number["rows"][0][0] == 9007199254740993
        assert lines(a, text)[0]["rows"] == number["rows"]


def test_prepared_names_are_each_clients_own(cached):
    text = '{"id":1,"run":"mine","cache":true}'
    with cached.client() as a, cached.client() as b:
        assert a.ask({"op": "prepare", "name": "mine", "query": QUERY})["ok"]
        other = {**QUERY, "where": ["=", "id", 2]}
        assert b.ask({"op": "prepare", "name": "mine", "query": other})["ok"]
        for _ in range(3):
            assert lines(a, text)[0]["rows"][0][0] == 1
            assert lines(b, text)[0]["rows"][0][0] == 2
        assert a.ask({"op": "deallocate", "name": "mine"})["ok"]
        assert lines(a, text)[0]["error"]["code"] == "unknown_statement"


def test_a_shorter_time_is_kept(cached):
    """What asks for a ttl of its own is read, and so is what comes after it."""
    with cached.client() as c:
        lines(c, f'{{"id":1,{body()}}}')
        short = f'{{"id":1,"query":{json.dumps(QUERY)},"cache":{{"ttl":"1ms"}}}}'
        cached.daemon.wait_until(lambda: lines(c, short)[0]["cache"] == "miss", "it is old")
        assert lines(c, f'{{"id":1,{body()}}}')[0]["cache"] == "hit"


def test_rules_say_nothing_in_the_reply(make_db):
    conf = {"cache": {**CACHE["cache"], "rules": [{"tables": ["users"]}]}, "workers": 1}
    db = make_db(conf=conf)
    text = f'{{"id":1,"query":{json.dumps(QUERY)}}}'
    with db.client() as c:
        first, = lines(c, text)
        before = planned(db)
        second, = lines(c, text)
        assert planned(db) == before
        assert first == second and "cache" not in second


def test_after_a_reload_lines_are_read_again(make_db):
    """A rule that is gone does not live on in the lines that it let in."""
    conf = {"cache": {**CACHE["cache"], "rules": [{"tables": ["users"]}]}, "workers": 1}
    db = make_db(conf=conf)
    text = f'{{"id":1,"query":{json.dumps(QUERY)}}}'
    with db.client() as c:
        lines(c, text)
        before = planned(db)
        lines(c, text)
        assert planned(db) == before
        del db.daemon.conf["cache"]["rules"]
        db.daemon.write_conf()
        reloads = db.daemon.log().count("reloaded")
        db.daemon.proc.send_signal(signal.SIGHUP)
        db.daemon.wait_until(lambda: db.daemon.log().count("reloaded") > reloads, "reloads")
        before = planned(db)
        lines(c, text)
        lines(c, text)
        assert planned(db) == before + 2


def test_many_in_one_write(cached):
    with cached.client() as c:
        lines(c, f'{{"id":0,{body()}}}')
        replies = lines(c, *[f'{{"id":{n},{body()}}}' for n in range(1, 3000)])
        assert [r["id"] for r in replies] == list(range(1, 3000))
        assert {r["cache"] for r in replies} == {"hit"}
        requests = cached.ask({"op": "stats"})["stats"]["requests"]["by_kind"]["query"]
        assert requests == 3000
