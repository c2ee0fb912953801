# SPDX-License-Identifier: MIT
"""Batches: several statements in one request, in one transaction or each by itself."""
import socket
import struct

import pytest


def put(number, name=None, **rest):
    row = {"id": number, "name": name or f"n{number}"}
    return {"query": {"insert": "tags", "rows": [row]}, **rest}


def find(number, **rest):
    return {"query": {"select": ["id"], "from": "tags", "where": ["=", "id", number]}, **rest}


NUMBERS = {"query": {"select": ["id"], "from": "tags", "where": [">=", "id", 1000],
                     "order_by": ["id"]}, "expect": "scalars"}
SKIPPED = {"skipped": True}


def batch(*steps, **rest):
    return {"op": "batch", "steps": list(steps), **rest}


def each(*steps, **rest):
    return batch(*steps, atomic=False, **rest)


def numbers(client):
    return client.ask(NUMBERS)["values"]


def test_all_steps_are_kept_or_none(c, other):
    got = c.ask(batch(put(1000), put(1001), NUMBERS, id=7))
    assert got["id"] == 7
    assert got["results"][0] == {"rowcount": 1, "keys": [[1000]]}
    assert got["results"][2] == {"values": [1000, 1001], "rowcount": 2}
    error = c.fails(batch(put(1002), put(1003), put(1000), put(1004)), "unique_violation")
    assert error["step"] == 2
    assert numbers(other) == [1000, 1001]


def test_each_step_by_itself_keeps_what_went_well(c, other):
    got = c.ask(each(put(1000), put(1000), put(1001)))
    results = got["results"]
    assert [list(r) for r in results] == [["rowcount", "keys"], ["error"], ["rowcount", "keys"]]
    assert results[1]["error"]["code"] == "unique_violation"
    assert numbers(other) == [1000, 1001]


def test_conditions(c):
    got = c.ask(each(
        find(1000, **{"as": "look"}),
        put(1000, **{"as": "new", "if": ["empty", "look"]}),
        put(1001, **{"if": ["not", ["empty", "look"]]}),
        put(1000, **{"as": "again", "if": ["ok", "new"]}),
        find(1000, **{"if": ["or", ["ok", "again"], ["and", ["ok", "new"], ["ok", "look"]]]}),
        find(1000, **{"if": ["ok", "again"]})))
    results = got["results"]
    assert results[0]["rows"] == []
    assert results[1]["rowcount"] == 1
    assert results[2] == SKIPPED
    assert results[3]["error"]["code"] == "unique_violation"
    assert results[4]["rows"] == [[1000]]
    assert results[5] == SKIPPED


def test_what_was_skipped_is_neither_ok_nor_empty(c):
    results = c.ask(batch(
        find(1000, **{"as": "a"}), find(1000, **{"as": "b", "if": ["not", ["ok", "a"]]}),
        put(1000, **{"if": ["ok", "b"]}), put(1001, **{"if": ["empty", "b"]})))["results"]
    assert results[1:] == [SKIPPED] * 3
    assert numbers(c) == []


BAD = {
    "no steps": ({"steps": []}, "bad_request", "/steps"),
    "no list": ({"steps": {}}, "bad_request", "/steps"),
    "no object": ({"steps": [7]}, "bad_request", "/steps/0"),
    "no query": ({"steps": [put(1), {}]}, "bad_request", "/steps/1/query"),
    "both": ({"steps": [put(1, run="x")]}, "bad_request", "/steps/0/run"),
    "a key that is none": ({"steps": [put(1), put(2, nothing=1)]}, "unknown_key",
                           "/steps/1/nothing"),
    "a stream": ({"steps": [put(1, stream=True)]}, "unknown_key", "/steps/0/stream"),
    "a transaction of a step": ({"steps": [put(1, tx="t")]}, "unknown_key", "/steps/0/tx"),
    "one name twice": ({"steps": [put(1, **{"as": "a"}), put(2, **{"as": "a"})]},
                       "duplicate_name", "/steps/1/as"),
    "a step behind it": ({"steps": [put(1, **{"if": ["ok", "b"]}), put(2, **{"as": "b"})]},
                         "bad_request", "/steps/0/if"),
    "itself": ({"steps": [put(1, **{"as": "b", "if": ["ok", "b"]})]}, "bad_request",
               "/steps/0/if"),
    "no condition": ({"steps": [put(1, **{"if": ["maybe", "b"]})]}, "bad_request",
                     "/steps/0/if"),
    "half a condition": ({"steps": [put(1, **{"if": ["not"]})]}, "bad_request", "/steps/0/if"),
    "too many": ({"steps": [find(1)] * 101}, "request_too_large", "/steps"),
    "isolation without a transaction": ({"steps": [put(1)], "atomic": False,
                                         "isolation": "serializable"}, "bad_request",
                                        "/isolation"),
    "no database": ({"steps": [put(1)], "db": "nowhere"}, "unknown_database", "/db"),
    "no transaction": ({"steps": [put(1)], "tx": "nowhere"}, "unknown_tx", "/tx"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_batches_do_nothing(c, case):
    rest, code, path = BAD[case]
    error = c.fails({"op": "batch", **rest}, code)
    assert error["path"] == path
    assert c.ask(find(1, expect="count"))["value"] in (0, 1)
    assert c.ask(batch(put(1000), NUMBERS))["results"][1]["values"] == [1000]


@pytest.mark.parametrize("atomic", [True, False])
def test_errors_point_into_their_step(c, atomic):
    wrong = {"query": {"select": ["nmae"], "from": "tags"}}
    reply = c.ask(batch(put(1000), wrong, atomic=atomic))
    error = reply["error"] if atomic else reply["results"][1]["error"]
    assert error["code"] == "unknown_column"
    assert error["path"] == "/steps/1/query/select/0"
    assert error.get("step") == (1 if atomic else None)
    assert numbers(c) == ([] if atomic else [1000])


def test_expectations_and_params_of_steps(c):
    results = c.ask(batch(
        put(1000), {"query": {"select": ["name"], "from": "tags", "where": ["=", "id", ":n"]},
                    "params": {"n": 1000}, "expect": "scalar"},
        find(1000, expect="count"), find(1001, expect="exists")))["results"]
    assert [r.get("value") for r in results] == [None, "n1000", 1, False]
    assert c.fails(batch(put(1001), find(7777, expect="one")), "no_result")["step"] == 1
    assert numbers(c) == [1000]


def test_prepared_statements_are_steps_too(c):
    query = {"select": ["id"], "from": "tags", "where": ["=", "id", ":n"]}
    c.ask({"op": "prepare", "name": "by_id", "query": query})
    results = c.ask(batch(put(1000), {"run": "by_id", "params": {"n": 1000}}))["results"]
    assert results[1]["rows"] == [[1000]]
    assert c.fails(batch({"run": "nothing"}), "unknown_statement")["step"] == 0


def test_inside_a_transaction(c, other):
    assert c.ask({"op": "begin", "tx": "t"}) == {"ok": True}
    assert c.ask(batch(put(1000), NUMBERS, tx="t"))["results"][1]["values"] == [1000]
    assert numbers(other) == []
    c.send({"query": put(1001)["query"], "tx": "t"}, batch(put(1002), NUMBERS, tx="t"),
           {"query": put(1003)["query"], "tx": "t"}, {"op": "commit", "tx": "t"})
    got = c.recv_many(4)
    assert got[1]["results"][1]["values"] == [1000, 1001, 1002]
    assert got[3] == {"ok": True}
    assert numbers(other) == [1000, 1001, 1002, 1003]


@pytest.mark.parametrize("atomic", [True, False])
def test_an_error_of_a_step_aborts_the_transaction(c, other, atomic):
    c.ask({"op": "begin", "tx": "t"})
    reply = c.ask(batch(put(1000), put(1000), put(1001), tx="t", atomic=atomic))
    if atomic:
        assert reply["error"]["code"] == "unique_violation"
    else:
        codes = [r["error"]["code"] for r in reply["results"][1:]]
        assert codes == ["unique_violation", "tx_aborted"]
    assert c.fails({**put(1002), "tx": "t"})["code"] == "tx_aborted"
    assert c.fails({"op": "commit", "tx": "t"})["code"] == "tx_aborted"
    assert numbers(other) == []


def test_many_in_one_write_keep_their_order(c, other):
    c.send(*[batch(put(1000 + n), NUMBERS) for n in range(20)])
    got = c.recv_many(20)
    assert [len(g["results"][1]["values"]) for g in got] == list(range(1, 21))
    c.send(*[batch(put(1020 + n), {"query": {"select": [1]}}, id=n) for n in range(20)])
    got = c.recv_many(20)
    assert sorted(g["id"] for g in got) == list(range(20))
    assert all("error" not in g for g in got)
    assert len(numbers(other)) == 40


def test_a_client_that_sends_no_more_is_answered(tdb, other):
    with tdb.client() as client:
        client.send(batch(put(1000), put(1001), NUMBERS))
        client.shutdown()
        assert client.recv()["results"][2]["values"] == [1000, 1001]
    assert numbers(other) == [1000, 1001]


def test_a_large_answer_undoes_the_batch(make_db):
    db = make_db(conf={"limits": {"reply": "64KiB"}})
    big = {"query": {"select": [{"x": {"value": "x" * 40000}}]}}
    with db.client() as client:
        error = client.fails(batch(put(1000), big, big), "reply_too_large")
        assert "step" not in error or error["step"] == 2
        assert numbers(client) == []


SLEEP = {"postgresql": "SELECT pg_sleep(60)", "mariadb": "SELECT sleep(60)",
         "sqlite": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) "
                   "SELECT max(n) FROM c"}


@pytest.mark.parametrize("atomic", [True, False])
def test_a_timeout_is_for_all_of_it(tdb, c, other, atomic):
    sleep = {"query": {"text": SLEEP[tdb.server.name]}}
    error = c.fails(batch(put(1000), sleep, put(1001), timeout="500ms", atomic=atomic), "timeout")
    assert error["step"] == 1
    assert numbers(other) == ([] if atomic else [1000])


def test_a_batch_can_be_cancelled(tdb, c, other):
    sleep = {"query": {"text": SLEEP[tdb.server.name]}}
    c.send(batch(put(1000), sleep, id="b"))
    # the step is under way, or will be: the request is stopped either way
    c.send({"op": "cancel", "of": "b", "id": "c"})
    got = {g["id"]: g for g in c.recv_many(2)}
    assert got["b"]["error"]["code"] == "cancelled"
    assert numbers(other) == []


def test_a_client_that_goes_leaves_nothing_open(tdb, other):
    sleep = {"query": {"text": SLEEP[tdb.server.name]}}
    client = tdb.client()
    client.send(batch(put(1000), sleep, id="b"))
    client.ask({"op": "ping", "id": "p"})
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    reply = other.ask(batch(put(1000), NUMBERS), seconds=60)
    assert "error" not in reply, reply
    assert reply["results"][1]["values"] == [1000]
