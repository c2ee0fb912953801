# SPDX-License-Identifier: MIT
"""Requests that come again: what is known by its bytes answers as if it were read."""
import json

QUERY = {"select": ["id"], "from": "users", "where": ["=", "name", ":n"]}


def often(client, request, times=5):
    replies = [client.ask(request) for _ in range(times)]
    assert all(r == replies[0] for r in replies), replies
    return replies[0]


def test_values_are_those_of_each_request(client):
    for name, ids in (("Ahmad", [[1]]), ("Bob", [[4]]), ("nobody", []), ("Ahmad", [[1]])):
        for _ in range(3):
            assert client.query(QUERY, params={"n": name})["rows"] == ids


def test_literals_are_those_of_each_query(client):
    for age in (25, 30, 25, 61, 30):
        for _ in range(3):
            query = {"select": ["age"], "from": "users", "where": ["=", "age", age], "limit": 1}
            assert client.query(query)["rows"] == [[age]]


def test_errors_stay_what_they_are(client):
    wrong = often(client, {"query": {"select": ["nam"], "from": "users"}})
    assert (wrong["error"]["code"], wrong["error"]["path"]) == ("unknown_column",
                                                                 "/query/select/0")
    often(client, {"query": QUERY, "params": {"n": "Bob"}})
    assert client.fails({"query": QUERY})["path"] == "/query/where/2"
    assert client.fails({"query": QUERY, "params": {"n": [1]}})["code"] == "type_mismatch"
    assert client.fails({"query": QUERY, "params": {"n": "Bob", "m": 1}})["path"] == "/params/m"


def test_what_stands_beside_the_query(client):
    query = {"select": ["id"], "from": "users", "order_by": ["id"]}
    often(client, {"query": query})
    assert client.query(query, expect="count")["value"] == 6
    assert client.query(query, expect="first")["rows"] == [[1]]
    assert client.query(query, **{"as": "objects"})["rows"][0] == {"id": 1}
    assert client.ask({"op": "compile", "query": query})["columns"] == ["id"]
    assert client.ask({"op": "prepare", "name": "s", "query": query})["ok"] is True
    assert client.ask({"run": "s"})["rowcount"] == 6


def test_lines_around_a_known_query_are_read_strictly(client):
    often(client, {"query": QUERY, "params": {"n": "Bob"}})
    text = json.dumps(QUERY, separators=(",", ":"))
    for line, code in (
            ('{"query":%s,"params":{"n":"Bob"}', "bad_json"),
            ('{"query":%s,"params":{"n":"Bob"},"query":1}', "duplicate_key"),
            ('{"query":%s,"params":{"n":"Bob"},"nope":1}', "unknown_key"),
            ('{"query":%sx,"params":{"n":"Bob"}}', "bad_json")):
        client.send_raw((line % text).encode() + b"\n")
        assert client.recv()["error"]["code"] == code
    client.send_raw(('{"params":{"n":"Bob"},"query": %s }' % text).encode() + b"\n")
    assert client.recv()["rows"] == [[4]]


def test_a_new_schema_is_seen(fresh_db):
    with fresh_db.client() as c:
        query = {"select": "*", "from": "tags", "where": ["=", "id", 1]}
        before = often(c, {"query": query})["columns"]
        assert c.ask({"query": {"text": "alter table tags add column extra integer"}}) == \
            {"rowcount": 0}
        assert often(c, {"query": query})["columns"] == before + ["extra"]


def test_a_lower_depth_holds_after_a_reload(make_db):
    db = make_db()
    deep = {"select": ["id"], "from": "users",
            "where": ["and", ["or", ["and", ["=", "id", 1], ["=", "id", 1]], ["=", "id", 2]],
                      ["=", "age", 25]]}
    with db.client() as c:
        assert often(c, {"query": deep})["rowcount"] == 1
        db.daemon.conf.setdefault("limits", {})["depth"] = 4
        db.daemon.write_conf()
        db.daemon.reload()
        db.daemon.wait_until(lambda: "error" in c.ask({"query": deep}), "the new depth holds")
        assert c.fails({"query": deep}, "too_deep")["class"] == "protocol"
