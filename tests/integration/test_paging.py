# SPDX-License-Identifier: MIT
"""Keyset paging: every row comes once, in order, however the pages are cut."""
import json

import pytest

USERS = {"select": ["name"], "from": "users"}
ORDERS = [
    [{"name": "id", "by": "id"}],
    [{"name": "id", "by": {"desc": "id"}}],
    [{"name": "age", "by": {"desc": "age"}}, {"name": "id", "by": "id"}],
    [{"name": "city", "by": "city"}, {"name": "users.id", "by": {"desc": "users.id"}}],
    [{"name": "email", "by": {"asc": "email", "nulls": "first"}}, {"name": "id", "by": "id"}],
    [{"name": "email", "by": {"desc": "email", "nulls": "last"}}, {"name": "id", "by": "id"}],
    [{"name": "email", "by": "email"}, {"name": "id", "by": {"desc": "id"}}],
    [{"name": "salary", "by": {"desc": "salary"}}, {"name": "created_at", "by": "created_at"},
     {"name": "id", "by": "id"}],
]


def pages(client, query, names, size):
    """The rows of all pages; the values of `after` travel as params."""
    rows, after = [], None
    while True:
        params = {"size": size}
        if after is not None:
            assert list(after) == names
            params.update({f"p{i}": after[n] for i, n in enumerate(names)})
        keys = None if after is None else {n: f":p{i}" for i, n in enumerate(names)}
        reply = client.ask({"query": {**query, "limit": ":size", "after": keys}, "params": params})
        assert "error" not in reply, reply
        assert reply["columns"] == ["name"]
        rows += reply["rows"]
        after = reply["after"]
        if after is None:
            return rows


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("order", ORDERS, ids=lambda o: "-".join(json.dumps(e["by"]) for e in o))
def test_pages_are_the_whole(client, order, size):
    query = {**USERS, "order_by": [e["by"] for e in order]}
    whole = client.ask({"query": query})["rows"]
    assert len(whole) == 6
    assert pages(client, query, [e["name"] for e in order], size) == whole


def test_pages_of_a_primary_key_of_two_columns(client):
    query = {"select": [{"name": ["+", ["*", "post_id", 100], "tag_id"]}], "from": "post_tags",
             "order_by": ["post_id", "tag_id"]}
    whole = client.ask({"query": query})["rows"]
    assert pages(client, query, ["post_id", "tag_id"], 1) == whole


def test_pages_of_groups(client):
    query = {"select": [{"name": "city"}, ], "from": "users", "group_by": ["city"],
             "order_by": [{"desc": "city"}]}
    whole = client.ask({"query": query})["rows"]
    assert pages(client, query, ["city"], 1) == whole


def test_the_last_line_of_a_stream_says_where_the_next_page_begins(client):
    client.send({"id": 1, "query": {**USERS, "order_by": ["id"], "limit": 3, "after": {"id": 1}},
                 "stream": {"chunk": 2}})
    lines = []
    while not lines or not lines[-1].get("done"):
        lines.append(json.loads(client.recv_line()))
    assert [r for line in lines for r in line.get("rows", [])] == [["Ali"], ["Alice"], ["Bob"]]
    assert lines[-1]["after"] == {"id": 4}
    assert lines[0]["columns"] == ["name"]


def test_a_hidden_key_is_in_no_form_of_the_rows(client):
    query = {**USERS, "order_by": ["id"], "limit": 1, "after": {"id": 1}}
    assert client.ask({"query": query, "as": "objects"})["rows"] == [{"name": "Ali"}]
    assert client.ask({"query": query, "as": "columns"})["data"] == {"name": ["Ali"]}
    assert client.ask({"query": query, "expect": "scalars"})["values"] == ["Ali"]
    assert client.ask({"query": query, "expect": "scalar"})["value"] == "Ali"
    assert client.ask({"query": query, "expect": "count"})["value"] == 1
