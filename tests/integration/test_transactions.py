# SPDX-License-Identifier: MIT
"""Transactions of several requests: begin, statements, savepoints, commit, rollback."""
import pytest

BEGIN = {"op": "begin", "tx": "t"}
COMMIT = {"op": "commit", "tx": "t"}
ROLLBACK = {"op": "rollback", "tx": "t"}
OK = {"ok": True}


def put(number, **rest):
    return {"query": {"insert": "tags", "rows": [{"id": number, "name": f"n{number}"}]}, **rest}


def numbers(**rest):
    return {"query": {"select": ["id"], "from": "tags", "where": [">=", "id", 1000],
                      "order_by": ["id"]}, "expect": "scalars", **rest}


def test_a_commit_keeps_and_a_rollback_undoes(c, other):
    assert c.ask(BEGIN) == OK
    assert c.ask(put(1000, tx="t")) == {"rowcount": 1, "keys": [[1000]]}
    assert c.ask(numbers(tx="t"))["values"] == [1000]
    assert other.ask(numbers())["values"] == []
    assert c.ask(COMMIT) == OK
    assert other.ask(numbers())["values"] == [1000]
    assert c.ask(BEGIN) == OK
    c.query(put(1001)["query"], tx="t")
    assert c.ask(ROLLBACK) == OK
    assert c.ask(numbers())["values"] == [1000]


def test_all_of_it_in_one_write(c):
    c.send(BEGIN, put(1000, tx="t"), put(1001, tx="t"), COMMIT,
           BEGIN, put(1002, tx="t"), ROLLBACK, BEGIN, numbers(tx="t"), COMMIT)
    got = c.recv_many(10)
    assert [g for g in got if "error" in g] == []
    assert got[8]["values"] == [1000, 1001]


def code(reply):
    return reply["error"]["code"] if "error" in reply else None


BAD = {"a name that is not there": {"query": {"select": ["nope"], "from": "tags"}},
       "a key twice": put(1000),
       "an unknown key": {"query": {"select": ["id"], "from": "tags"}, "quer": 1},
       "no row": {"query": {"select": ["id"], "from": "tags", "where": ["=", "id", -1]},
                  "expect": "one"},
       "another database": {"query": {"select": ["id"], "from": "tags"}, "db": "nowhere"},
       "a second begin": BEGIN,
       "an unknown savepoint": {"op": "rollback_to", "name": "s"}}


@pytest.mark.parametrize("what", BAD)
def test_an_error_fails_the_transaction(c, what):
    assert c.ask(BEGIN) == OK
    c.query(put(1000)["query"], tx="t")
    c.fails({**BAD[what], "tx": "t"})
    c.fails(put(1001, tx="t"), "tx_aborted")
    c.fails(numbers(tx="t"), "tx_aborted")
    c.fails({"op": "savepoint", "tx": "t", "name": "s"}, "tx_aborted")
    c.fails(COMMIT, "tx_aborted")
    c.fails(COMMIT, "unknown_tx")
    assert c.ask(numbers())["values"] == []
    assert c.ask(BEGIN) == OK and c.ask(ROLLBACK) == OK


@pytest.mark.parametrize("what", BAD)
def test_an_error_in_one_write_fails_what_is_behind_it(c, what):
    c.send(BEGIN, put(1000, tx="t"), {**BAD[what], "tx": "t"}, put(1001, tx="t"), COMMIT,
           put(1002, tx="t"), BEGIN, put(1003, tx="t"), COMMIT)
    got = [code(g) for g in c.recv_many(9)]
    assert got[:2] == [None, None] and got[2] is not None
    assert got[3:] == ["tx_aborted", "tx_aborted", "unknown_tx", None, None, None]
    assert c.ask(numbers())["values"] == [1003]


def test_an_unreadable_line_fails_the_transaction_it_names(c):
    c.send_raw(b'{"op":"begin","tx":"t"}\n{"op":"begin","tx":"u","read_only":true}\n'
               b'{"tx":"t","query":{"delete":"tags","where":tru}}\n')
    assert [code(g) for g in c.recv_many(3)] == [None, None, "bad_json"]
    assert code(c.ask(COMMIT)) == "tx_aborted"
    assert c.ask({"op": "commit", "tx": "u"}) == OK


def test_what_was_never_begun_is_refused(c):
    c.fails(put(1000, tx="t"), "unknown_tx")
    c.fails(COMMIT, "unknown_tx")
    c.fails(ROLLBACK, "unknown_tx")
    c.send({**BEGIN, "db": "nowhere"}, put(1000, tx="t"), COMMIT)
    assert [code(g) for g in c.recv_many(3)] == ["unknown_database", "unknown_tx", "unknown_tx"]
    c.send({**BEGIN, "isolation": "none"}, put(1000, tx="t"), COMMIT)
    assert [code(g) for g in c.recv_many(3)] == ["bad_request", "unknown_tx", "unknown_tx"]
    assert c.ask(numbers())["values"] == []


def savepoint(name, op="savepoint"):
    return {"op": op, "tx": "t", "name": name}


def test_savepoints(c):
    c.send(BEGIN, put(1000, tx="t"), savepoint("a"), put(1001, tx="t"), savepoint("b; drop"),
           put(1002, tx="t"), savepoint("a", "rollback_to"), put(1003, tx="t"),
           savepoint("a", "release"), COMMIT)
    assert [code(g) for g in c.recv_many(10)] == [None] * 10
    assert c.ask(numbers())["values"] == [1000, 1003]


def test_a_savepoint_saves_a_failed_transaction(c):
    c.send(BEGIN, put(1000, tx="t"), savepoint("a"), put(1000, tx="t"), put(1001, tx="t"),
           savepoint("a", "release"), savepoint("a", "rollback_to"), put(1002, tx="t"), COMMIT)
    assert [code(g) for g in c.recv_many(9)] == \
        [None, None, None, "unique_violation", "tx_aborted", "tx_aborted", None, None, None]
    assert c.ask(numbers())["values"] == [1000, 1002]


def test_a_client_that_leaves_rolls_back(c, other):
    other.send(BEGIN, put(1000, tx="t"))
    other.recv_many(2)
    other.shutdown()
    assert other.at_end() == b""
    assert c.ask(numbers())["values"] == []
    assert c.ask(put(1000))["rowcount"] == 1


def test_its_stages_took_no_longer_than_the_daemon_runs(c):
    """A begin has no plan, and a stage that is counted from one none either."""
    c.ask(BEGIN)
    c.ask(put(1000, tx="t"))
    c.ask(COMMIT)
    stats = c.ask({"op": "stats"})["stats"]
    for stage in stats["latency"].values():  # figures are within an eighth
        assert stage["max_us"] <= stats["uptime_ms"] * 1125 + 1000, stats["latency"]
