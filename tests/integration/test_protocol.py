# SPDX-License-Identifier: MIT
"""The envelope: ids, order, keys, operations, forms of the answer."""
import json
import socket
import struct
import subprocess

import pytest
from heavy import endless, make_numbers

ONE = {"query": {"select": ["name"], "from": "users", "where": ["=", "id", 1]}}


# ---- id ----

@pytest.mark.parametrize("given", ["a", "", "ü\u2028\u0001\"\\", 0, 7, -1, 2 ** 63 - 1, -2 ** 63])
def test_id_is_echoed_first(client, given):
    client.send({**ONE, "id": given})
    line = client.recv_line()
    assert line.startswith(b'{"id":')
    reply = json.loads(line)
    assert reply["id"] == given and type(reply["id"]) is type(given)
    assert reply["rows"] == [["Ahmad"]]


@pytest.mark.parametrize("given", [None, 1.5, True, [], {}, 2 ** 63, -2 ** 63 - 1])
def test_other_ids_are_errors(client, given):
    error = client.fails({**ONE, "id": given}, "bad_request")
    assert error["class"] == "protocol" and error["path"] == "/id"
    assert client.ask({"op": "ping"}) == {"ok": True}


def test_without_id_there_is_none_in_the_reply(client):
    assert list(client.ask(ONE)) == ["columns", "types", "rows", "rowcount"]


def test_an_error_has_the_id_too(client):
    reply = client.ask({"id": "x", "query": {"select": ["nmae"], "from": "users"}})
    assert reply["id"] == "x" and reply["error"]["code"] == "unknown_column"


def test_a_number_and_its_text_are_two_ids(client):
    client.send({**ONE, "id": 7}, {**ONE, "id": "7"})
    assert sorted(str(type(r["id"])) for r in client.recv_many(2)) == \
        ["<class 'int'>", "<class 'str'>"]


def test_an_id_can_be_used_again_after_its_reply(client):
    for _ in range(3):
        assert client.ask({**ONE, "id": 1})["rows"] == [["Ahmad"]]


def test_an_id_in_flight_twice_is_an_error(fresh_db):
    make_numbers(fresh_db)
    with fresh_db.client() as c:
        c.send({"id": 1, "query": endless()}, {"id": 1, "op": "ping"})
        first = c.recv()
        assert (first["id"], first["error"]["code"]) == (1, "duplicate_id")
        c.send({"id": 2, "op": "cancel", "of": 1})
        replies = {r["id"]: r for r in c.recv_many(2)}
        assert replies[2]["ok"] is True
        assert replies[1]["error"]["code"] == "cancelled"


# ---- order ----

def test_replies_without_ids_come_in_order(client):
    wanted = [i % 6 + 1 for i in range(300)]
    client.send(*({"query": {"select": ["id"], "from": "users", "where": ["=", "id", i]},
                   "expect": "scalar"} for i in wanted))
    assert [client.recv()["value"] for _ in wanted] == wanted


def test_reads_overlap_and_are_still_answered_in_order(fresh_db):
    """The slow one is first; all others wait for their turn to be written."""
    make_numbers(fresh_db)
    with fresh_db.client() as c:
        slow = {"query": {"select": [["count", "*"]], "from": {"a": "numbers"},
                          "join": [{"cross": {"b": "numbers"}}],
                          "where": [">", ["+", "a.n", "b.n"], 0]}, "expect": "scalar"}
        c.send(slow, *[{**ONE, "expect": "scalar"}] * 20)
        assert [c.recv()["value"] for _ in range(21)] == [1000 ** 2] + ["Ahmad"] * 20


@pytest.mark.tsan
def test_a_read_sent_after_a_write_sees_it(fresh_db):
    """Without ids, in one packet: each write holds back what comes after it."""
    with fresh_db.client() as c:
        for start in range(0, 200, 50):
            requests = []
            for i in range(start, start + 50):
                requests += [
                    {"query": {"update": "accounts", "set": {"balance": i},
                               "where": ["=", "id", 1]}},
                    {"query": {"select": ["balance"], "from": "accounts",
                               "where": ["=", "id", 1]}, "expect": "scalar"}]
            c.send(*requests)
            replies = c.recv_many(100)
            assert [r["rowcount"] for r in replies[::2]] == [1] * 50
            assert [r["value"] for r in replies[1::2]] == list(range(start, start + 50))


def test_writes_wait_for_the_reads_before_them(fresh_db):
    make_numbers(fresh_db, 700)
    with fresh_db.client() as c:
        total = {"select": [["sum", "accounts.balance"]], "from": "accounts",
                 "join": [{"cross": {"a": "numbers"}}, {"cross": {"b": "numbers"}}]}
        c.send({"query": total, "expect": "scalar"},
               {"query": {"update": "accounts", "set": {"balance": 0}, "where": True}},
               {"query": total, "expect": "scalar"})
        first, write, last = c.recv_many(3)
        assert (int(first["value"]), write["rowcount"], int(last["value"])) == \
            (1000 * 700 * 700, 2, 0)


def test_requests_with_ids_overtake(fresh_db):
    make_numbers(fresh_db)
    with fresh_db.client() as c:
        c.send({"id": "slow", "query": endless()}, {**ONE, "id": "fast"})
        assert c.recv()["id"] == "fast"
        c.send({"op": "cancel", "id": "c", "of": "slow"})
        assert {r["id"] for r in c.recv_many(2)} == {"slow", "c"}


def test_prepare_takes_effect_in_the_order_of_arrival_even_with_ids(client):
    lines = []
    for i in range(1, 7):
        lines += [{"id": f"p{i}", "op": "prepare", "name": "who", "query": {
            "select": ["id"], "from": "users", "where": ["=", "id", i]}},
            {"id": f"r{i}", "run": "who", "expect": "scalar"}]
    client.send(*lines)
    replies = {r["id"]: r for r in client.recv_many(12)}
    assert [replies[f"r{i}"]["value"] for i in range(1, 7)] == [1, 2, 3, 4, 5, 6]


# ---- keys of the envelope ----

def test_an_unknown_key_names_its_neighbour(client):
    error = client.fails({"quary": ONE["query"]}, "unknown_key")
    assert error["path"] == "/quary" and "query" in error["hint"]


def test_an_unknown_op_names_its_neighbour(client):
    error = client.fails({"op": "pong"}, "unknown_op")
    assert error["path"] == "/op" and "ping" in error["hint"]


@pytest.mark.parametrize("wrong, path", [
    ({"op": 1}, "/op"), ({"op": "query"}, ""), ({}, ""), ({**ONE, "as": "csv"}, "/as"),
    ({**ONE, "expect": "two"}, "/expect"), ({**ONE, "timeout": 5}, "/timeout"),
    ({**ONE, "timeout": "5"}, "/timeout"), ({**ONE, "timeout": "-1s"}, "/timeout"),
    ({**ONE, "timeout": "5 s"}, "/timeout"), ({**ONE, "params": 3}, "/params"),
    ({**ONE, "db": 3}, "/db"), ({**ONE, "stream": 1}, "/stream"),
    ({**ONE, "stream": {"chunk": 0}}, "/stream/chunk"),
    ({**ONE, "stream": {"credit": -1}}, "/stream/credit"),
    ({**ONE, "keys": "yes"}, "/keys"), ({**ONE, "run": "x"}, ""),
    ({"op": "prepare", "query": ONE["query"]}, ""), ({"op": "cancel"}, ""),
    ({"op": "hello", "int64": "float"}, "/int64")])
def test_a_key_of_the_wrong_kind(client, wrong, path):
    error = client.fails(wrong, "bad_request")
    assert error["class"] == "protocol" and error["path"].startswith(path), error


def test_an_unknown_key_inside_stream(client):
    assert client.fails({**ONE, "stream": {"chunks": 5}}, "unknown_key")["path"] == \
        "/stream/chunks"


@pytest.mark.parametrize("later", [{"session": "s"}, {"shard": "s1"}, {"why": True}])
def test_what_comes_later_is_refused_not_ignored(client, later):
    assert client.fails({**ONE, **later})["code"] == "unsupported_feature"


def test_params_must_fit(client):
    query = {"select": ["id"], "from": "users", "where": ["=", "id", ":id"]}
    assert client.fails({"query": query}, "missing_param")["class"] == "compile"
    assert client.fails({"query": query, "params": {"id": 1, "x": 2}}, "unused_param")
    assert client.query(query, params={"id": 3})["rows"] == [[3]]


def test_an_unknown_database(client):
    assert client.fails({**ONE, "db": "nowhere"}, "unknown_database")["path"] == "/db"


def test_crlf_and_space_around_a_request(client):
    client.send_raw(b'{"op":"ping"}\r\n{ "op" :\t"ping" } \r\n')
    assert client.recv_many(2) == [{"ok": True}] * 2


def test_replies_are_compact_json(client):
    client.send({"query": {"select": ["id", "name", "email"], "from": "users"}, "id": 1})
    line = client.recv_line()
    text = json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":"))
    assert line.decode() == text


# ---- operations ----

def test_ping_and_hello(db, client):
    assert client.ask({"op": "ping", "id": 1}) == {"id": 1, "ok": True}
    hello = client.ask({"op": "hello", "version": 1, "db": "main"})
    assert hello["ok"] is True and hello["version"] == 1
    assert hello["databases"] == {"main": db.kind}
    assert hello["limits"]["depth"] == 32 and hello["limits"]["frame"] == 16 << 20
    assert client.fails({"op": "hello", "version": 2}, "bad_version")
    assert client.fails({"op": "hello", "db": "nowhere"}, "unknown_database")


def test_prepare_run_deallocate(client):
    query = {"select": ["name"], "from": "users", "where": ["=", "id", ":id"]}
    ready = client.ask({"op": "prepare", "name": "by id", "query": query})
    assert ready == {"ok": True, "columns": ["name"], "types": ["varchar"]}
    for key, name in ((1, "Ahmad"), (6, "John"), (1, "Ahmad")):
        assert client.ask({"run": "by id", "params": {"id": key},
                           "expect": "scalar"})["value"] == name
    assert client.fails({"run": "by id"}, "missing_param")
    assert client.ask({"op": "deallocate", "name": "by id"}) == {"ok": True}
    assert client.fails({"run": "by id", "params": {"id": 1}}, "unknown_statement")
    assert client.fails({"op": "deallocate", "name": "by id"}, "unknown_statement")


def test_prepare_refuses_what_does_not_compile(client):
    bad = {"op": "prepare", "name": "p", "query": {"select": ["nmae"], "from": "users"}}
    assert client.fails(bad, "unknown_column")["path"] == "/query/select/0"
    assert client.fails({"run": "p"}, "unknown_statement")


def test_a_prepared_statement_is_its_connections_own(db, client):
    client.ask({"op": "prepare", "name": "mine", "query": ONE["query"]})
    with db.client() as other:
        assert other.fails({"run": "mine"}, "unknown_statement")


def test_compile_shows_sql_and_runs_nothing(db, client):
    reply = client.ask({"op": "compile", "query": {
        "delete": "users", "where": ["=", "name", ":name"]}})
    assert reply["sql"].upper().startswith("DELETE") and "Ahmad" not in reply["sql"]
    assert [b["type"] for b in reply["binds"]] == ["varchar"]
    assert reply["plan"] in ("hit", "miss")
    assert [n["code"] for n in reply["notes"]] == ["text_collation"]
    names = ["postgresql", "mariadb", "sqlite"]
    both = client.ask({"op": "compile", "query": ONE["query"], "dialects": names})
    assert sorted(both["sql"]) == sorted(names)
    assert both["columns"] == ["name"] and both["types"] == ["varchar"]
    assert client.query({"select": ["id"], "from": "users"})["rowcount"] == 6


def test_the_second_compilation_hits_the_plan_cache(client):
    query = {"select": ["id"], "from": "users", "where": ["=", "phone", {"value": "0912"}]}
    client.ask({"op": "compile", "query": query})
    query["where"][2] = {"value": "another"}
    assert client.ask({"op": "compile", "query": query})["plan"] == "hit"


def test_stats_over_the_port(client):
    stats = client.ask({"op": "stats"})["stats"]
    assert isinstance(stats, dict) and stats


def test_schema_reload_finds_new_tables(fresh_db):
    with fresh_db.client() as c:
        assert c.fails({"query": {"select": "*", "from": "late"}}, "unknown_table")
        before = c.ask({"op": "schema.reload"})["tables"]
        fresh_db.sql("CREATE TABLE late (id INTEGER PRIMARY KEY);")
        assert c.ask({"op": "schema.reload"})["tables"] == before + 1
        assert c.rows({"select": "*", "from": "late"}) == []


def test_an_unknown_name_is_looked_up_once_more(fresh_db):
    with fresh_db.client() as c:
        assert c.query({"select": ["id"], "from": "users"})["rowcount"] == 6
        fresh_db.sql("CREATE TABLE later (id INTEGER PRIMARY KEY);")
        assert c.rows({"select": ["id"], "from": "later"}) == []
        fresh_db.sql("ALTER TABLE later ADD COLUMN extra INTEGER;")
        assert c.rows({"select": ["extra"], "from": "later"}) == []


# ---- forms of the answer ----

TWO = {"select": ["id", "name"], "from": "users", "where": ["<=", "id", 2], "order_by": ["id"]}


def test_as_arrays_objects_columns(client):
    assert client.query(TWO) == {"columns": ["id", "name"], "types": ["integer", "varchar"],
                                 "rows": [[1, "Ahmad"], [2, "Ali"]], "rowcount": 2}
    assert client.query(TWO, **{"as": "arrays"})["rows"] == [[1, "Ahmad"], [2, "Ali"]]
    assert client.query(TWO, **{"as": "objects"})["rows"] == \
        [{"id": 1, "name": "Ahmad"}, {"id": 2, "name": "Ali"}]
    assert client.query(TWO, **{"as": "columns"})["data"] == \
        {"id": [1, 2], "name": ["Ahmad", "Ali"]}


@pytest.mark.parametrize("form", ["objects", "columns"])
def test_names_that_repeat_cannot_be_keys(client, form):
    twice = {"select": ["users.id", "orders.id"], "from": "users", "join": [{"inner": "orders"}]}
    assert client.query(twice)["columns"] == ["id", "id"]
    assert client.fails({"query": twice, "as": form}, "duplicate_name")


def test_no_rows_in_every_form(client):
    none = {**TWO, "where": ["<", "id", 0]}
    assert client.query(none)["rows"] == []
    assert client.query(none, **{"as": "objects"})["rows"] == []
    assert client.query(none, **{"as": "columns"})["data"] == {"id": [], "name": []}


def where_id(count):
    return {**TWO, "where": ["<=", "id", count]}


@pytest.mark.parametrize("mode, count, key, want", [
    ("first", 0, "rows", []), ("first", 2, "rows", [[1, "Ahmad"]]),
    ("one", 1, "rows", [[1, "Ahmad"]]), ("one", 0, "error", "no_result"),
    ("one", 2, "error", "multiple_results"), ("one_or_none", 0, "rows", []),
    ("one_or_none", 1, "rows", [[1, "Ahmad"]]), ("one_or_none", 2, "error", "multiple_results"),
    ("scalars", 0, "values", []), ("scalars", 2, "values", [1, 2]), ("scalar", 1, "value", 1),
    ("count", 2, "value", 2), ("count", 0, "value", 0), ("exists", 2, "value", True),
    ("exists", 0, "value", False), ("all", 2, "rows", [[1, "Ahmad"], [2, "Ali"]])])
def test_expect(client, mode, count, key, want):
    reply = client.ask({"query": where_id(count), "expect": mode, "id": 1})
    if key == "error":
        assert list(reply) == ["id", "error"] and reply["error"]["code"] == want
        assert reply["error"]["class"] == "data"
    else:
        assert reply[key] == want, reply


def test_first_in_every_form(client):
    assert client.query(TWO, expect="first", **{"as": "objects"})["rows"] == \
        [{"id": 1, "name": "Ahmad"}]
    assert client.query(TWO, expect="first", **{"as": "columns"})["data"] == \
        {"id": [1], "name": ["Ahmad"]}


@pytest.mark.parametrize("form, want", [
    ("number", [1, 2 ** 53, 2 ** 63 - 1]), ("string", ["1", str(2 ** 53), str(2 ** 63 - 1)]),
    ("guard", "out_of_range")])
def test_int64_of_hello(fresh_db, form, want):
    fresh_db.sql("CREATE TABLE wide (id INTEGER PRIMARY KEY, b BIGINT);"
                 f"INSERT INTO wide VALUES (1, 1), (2, {2 ** 53}), (3, {2 ** 63 - 1});")
    with fresh_db.client() as c:
        assert c.ask({"op": "hello", "int64": form})["ok"]
        reply = c.ask({"query": {"select": ["b"], "from": "wide", "order_by": ["id"]},
                       "expect": "scalars"})
        if form == "guard":
            assert reply["error"]["code"] == want
            small = {"select": ["b"], "from": "wide", "where": ["=", "id", 1]}
            assert c.query(small, expect="scalar")["value"] == 1
        else:
            assert reply["values"] == want
        assert c.query({"select": ["id"], "from": "wide", "where": ["=", "id", 1]},
                       expect="scalar")["value"] == 1


# ---- connections ----

def test_the_unix_socket_speaks_the_same(db):
    with db.client(unix=True) as c:
        assert c.query(TWO)["rowcount"] == 2


def test_half_close_is_answered_then_closed(db):
    with db.client() as c:
        c.send(*[ONE] * 50)
        c.shutdown()
        assert [r["rows"] for r in c.recv_many(50)] == [[["Ahmad"]]] * 50
        assert c.at_end(10) == b""


def test_nc_is_a_client(db):
    done = subprocess.run(["nc", "-N", "127.0.0.1", str(db.daemon.port)], timeout=20, check=True,
                          input=json.dumps(ONE) + "\n" + '{"op":"ping"}', text=True,
                          stdout=subprocess.PIPE)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["rows"] == [["Ahmad"]]
    assert lines[1] == {"ok": True}  # a last line without LF is a line


def test_a_client_that_breaks_off_leaves_a_clean_connection(make_db):
    """A reset says that nobody waits any more: what runs for it is cancelled. (A plain
    close is no more than a half close until somebody writes.)"""
    db = make_db(settings={"pool": {"size": 1, "max_overflow": 0, "timeout": "20s"}})
    make_numbers(db)
    for _ in range(3):
        with db.client() as gone:
            gone.send({"id": 1, "query": endless()}, {"id": 2, "op": "ping"})
            assert gone.recv()["id"] == 2
            gone.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with db.client() as c:
            assert c.query(TWO)["rowcount"] == 2
