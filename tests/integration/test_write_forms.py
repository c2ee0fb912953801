# SPDX-License-Identifier: MIT
"""Forms of writes that the databases have in words of their own, or not at all."""
import pytest


@pytest.fixture
def c(fresh_db):
    with fresh_db.client() as client:
        yield client


def column(c, name, table):
    return c.query({"select": [name], "from": table, "order_by": ["id"]},
                   expect="scalars")["values"]


def done(c, query, **rest):
    reply = c.ask({"query": query, **rest})
    assert "error" not in reply, reply
    return reply


def refused(c, query, code, **rest):
    reply = c.ask({"query": query, **rest})
    assert reply.get("error", {}).get("code") == code, reply
    return reply["error"]


# ---- update ----

def test_columns_swap(c):
    done(c, {"update": "users", "set": {"first_name": "last_name", "last_name": "first_name"},
             "where": ["=", "id", 3]})
    assert c.rows({"select": ["first_name", "last_name"], "from": "users",
                   "where": ["=", "id", 3]}) == [["Doe", "Alice"]]


def test_subqueries_see_the_table_as_it_was(c):
    """Every row counts those of its city before any age was changed."""
    count = {"select": [["count", "*"]], "from": {"o": "users"},
             "where": ["and", ["=", "o.city", "users.city"], ["<", "o.age", 1000]]}
    assert done(c, {"update": "users", "set": {"age": ["*", 1000, count]},
                    "where": True})["rowcount"] == 6
    assert column(c, "age", "users") == [3000, 2000, 3000, 1000, 3000, 2000]


def test_where_sees_the_table_as_it_was(c):
    earlier = {"select": [1], "from": {"o": "users"},
               "where": ["and", ["=", "o.id", ["-", "users.id", 1]], [">", "o.age", 0]]}
    assert done(c, {"update": "users", "set": {"age": 0},
                    "where": ["exists", earlier]})["rowcount"] == 5
    assert done(c, {"delete": "votes", "where": ["in", "poll_id", {
        "select": ["v.poll_id"], "from": {"v": "votes"}}]})["rowcount"] >= 0


def test_update_from(c):
    assert done(c, {"update": "users", "set": {"bio": "t.name", "age": ["+", "age", "t.id"]},
                    "from": {"t": "tags"}, "where": ["=", "t.id", "users.id"]})["rowcount"] == 3
    assert column(c, "bio", "users")[:3] == ["python", "sql", "misc"]
    assert column(c, "age", "users")[:3] == [26, 19, 33]


def test_update_join(c):
    assert done(c, {"update": {"u": "users"}, "join": [{"inner": {"t": "tags"},
                                                       "on": ["=", "t.id", "u.id"]}],
                    "set": {"bio": "t.name"}, "where": [">", "t.id", 1]})["rowcount"] == 2
    assert column(c, "bio", "users")[1:3] == ["sql", "misc"]


def test_two_rows_for_one_are_an_error(c):
    before = column(c, "bio", "users")
    refused(c, {"update": "users", "set": {"bio": "t.name"}, "from": {"t": "tags"},
                "where": [">=", "t.id", "users.id"]}, "multiple_results")
    assert column(c, "bio", "users") == before
    # none of their columns is taken: then it does not matter which
    assert done(c, {"update": "users", "set": {"bio": {"value": "x"}}, "from": {"t": "tags"},
                    "where": [">=", "t.id", "users.id"]})["rowcount"] == 3


def test_delete_using(c):
    done(c, {"insert": "tags", "rows": [{"id": 50, "name": "a"}, {"id": 51, "name": "b"}]})
    assert done(c, {"delete": {"t": "tags"}, "using": {"o": "tags"}, "where": [
        "and", ["=", "o.id", ["+", "t.id", 1]], [">", "t.id", 40]]})["rowcount"] == 1
    assert column(c, "id", "tags")[-1] == 51


# ---- insert from a query ----

def test_insert_from_query(c):
    query = {"select": ["name"], "from": "users", "where": ["<", "id", 3], "order_by": ["id"]}
    assert done(c, {"insert": "tags", "from_query": query}) == {"rowcount": 2}
    assert column(c, "name", "tags")[3:] == ["Ahmad", "Ali"]
    reply = done(c, {"insert": "tags", "columns": ["name"], "from_query": {
        "select": [["upper", "name"]], "from": "tags", "where": ["=", "id", 1]},
        "returning": ["name"]})
    assert reply["rows"] == [["PYTHON"]]


def test_rows_of_a_query_must_fit(c):
    wide = {"select": [["concat", "bio", {"value": "x" * 60}]], "from": "users"}
    error = refused(c, {"insert": "tags", "columns": ["name"], "from_query": wide}, "too_long")
    assert error["class"] == "data"
    assert len(column(c, "id", "tags")) == 3
