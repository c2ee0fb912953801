# SPDX-License-Identifier: MIT
"""What op compile says about a statement that leaves something to the database."""
import os
import re

import pytest
from daemon import ROOT


def codes(client, query, **rest):
    reply = client.ask({"op": "compile", "query": query, **rest})
    assert "error" not in reply, reply
    assert all(set(n) == {"code", "message"} and n["message"] for n in reply["notes"])
    return sorted(n["code"] for n in reply["notes"])


def users(**rest):
    return {"select": ["id"], "from": "users", **rest}


@pytest.mark.parametrize("query, want", [
    (users(where=["=", "id", 7]), []),
    (users(where=["=", "name", {"value": "x"}]), ["text_collation"]),
    (users(where=["in", "name", [{"value": "x"}]]), ["text_collation"]),
    (users(where=["like", "name", {"value": "x%"}]), ["text_collation"]),
    (users(where=["=", ["collate", "name", "binary"], {"value": "x"}]), []),
    (users(order_by=["id"]), []),
    (users(order_by=[{"asc": "id", "nulls": "last"}]), []),
    (users(order_by=["age"]), ["null_order"]),
    (users(order_by=[{"desc": "age", "nulls": "last"}]), []),
    (users(order_by=["email"]), ["null_order", "text_collation"]),
    ({"select": ["name"], "from": "users", "distinct": True}, ["text_collation"]),
    ({"select": [["count", "*"]], "from": "users", "group_by": ["name"]}, ["text_collation"]),
    ({"select": [["max", "name"]], "from": "users"}, ["text_collation"]),
    (users(where=["in", "id", users(where=[">", "name", {"value": "x"}])]), ["text_collation"]),
    ({"select": [["*", "total", 2]], "from": "orders"}, ["small_floats"]),
    ({"select": [["sum", "total"]], "from": "orders"}, ["float_sums"]),
    ({"select": [["cast", "total", "text"]], "from": "orders"}, ["float_text"]),
    (users(where=["regexp", "name", {"value": "^A"}]), ["regular_expressions"]),
    ({"select": [["->>", ["json_array", "id"], [0]]], "from": "users"}, ["json_text"]),
    ({"select": [["json_keys", ["json_object"]]], "from": "users"}, ["json_text"]),
    ({"select": [["->", ["json_array", "id"], [0]], ["json_array", "id"],
                 ["cast", "id", "text"]], "from": "users"}, []),
    ({"text": "select 1"}, ["raw_sql"]),
    ({"delete": "users", "where": ["=", "name", {"value": "x"}]}, ["text_collation"]),
    ({"update": "users", "set": {"age": 1}, "where": True}, []),
])
def test_notes(client, query, want):
    assert codes(client, query) == want


def test_hints_that_are_not_taken(db, client):
    query = {"with": {"x": {"query": users(), "materialized": True}},
             "select": ["id"], "from": "x"}
    assert codes(client, query) == (["materialized"] if db.kind == "mariadb" else [])
    query = {"with": query["with"], "update": "orders", "set": {"total": 1},
             "where": ["in", "id", {"select": ["id"], "from": "x"}]}
    assert codes(client, query) == (["materialized"] if db.kind == "mariadb" else [])


def test_locks_of_some_tables(client, db):
    query = users(**{"for": {"update": True, "of": ["users"]}})
    assert codes(client, query) == ([] if db.kind == "postgresql" else ["locks_all"])
    assert codes(client, users(**{"for": {"update": True}})) == []


def test_a_plan_that_is_found_again_has_its_notes(client):
    query = users(where=["=", "name", {"value": "again"}])
    assert codes(client, query) == codes(client, query) == ["text_collation"]


def test_the_page_has_a_row_for_each():
    with open(os.path.join(ROOT, "compiler", "notes.h"), encoding="utf-8") as f:
        known = re.findall(r'X\([A-Z_]+, "(\w+)"', f.read())
    with open(os.path.join(ROOT, "docs", "SQL.md"), encoding="utf-8") as f:
        table = f.read().split("## Left to the database")[1].split("\n## ")[0]
    rows = re.findall(r"^\|[^|]*\| `(\w+)` \|", table, re.M)
    assert sorted(rows) == sorted(known) and len(known) > 5
