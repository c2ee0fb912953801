# SPDX-License-Identifier: MIT
"""Insert, update, delete: counts, keys, returning, constraints, all or nothing."""
import pytest


@pytest.fixture
def c(fresh_db):
    with fresh_db.client() as client:
        yield client


def scalars(client, column, table, **rest):
    return client.query({"select": [column], "from": table, "order_by": [column], **rest},
                        expect="scalars")["values"]


# ---- insert ----

def test_one_row_returns_its_key(c):
    reply = c.ask({"id": 1, "query": {"insert": "tags", "rows": [{"name": "new"}]}})
    assert reply == {"id": 1, "rowcount": 1, "keys": [[4]]}
    assert c.rows({"select": ["id", "name"], "from": "tags", "where": ["=", "id", 4]}) == \
        [[4, "new"]]


def test_keys_only_when_asked_for_many(c):
    rows = [{"name": f"n{i}"} for i in range(5)]
    insert = {"query": {"insert": "tags", "rows": ":rows"}, "params": {"rows": rows}}
    assert c.ask(insert) == {"rowcount": 5}
    keys = c.ask({**insert, "keys": True})["keys"]
    assert [len(k) for k in keys] == [1] * 5
    found = dict(c.rows({"select": ["id", "name"], "from": "tags"}))
    assert [found[k[0]] for k in keys] == [r["name"] for r in rows]  # in input order
    assert c.ask({"query": {"insert": "tags", "rows": [{"name": "x"}]}, "keys": False}) == \
        {"rowcount": 1}


def test_a_given_key_is_its_key(c):
    assert c.ask({"query": {"insert": "tags", "rows": [{"id": 77, "name": "x"}]}})["keys"] == \
        [[77]]
    pair = {"user_id": 1, "poll_id": 9, "choice": "no"}
    assert c.ask({"query": {"insert": "votes", "rows": [pair]}})["keys"] == [[1, 9]]


def test_set_inserts_one_row_of_expressions(c):
    reply = c.ask({"query": {"insert": "accounts", "set": {"id": 3, "balance": ["*", 6, 7]}}})
    assert reply["rowcount"] == 1
    assert c.rows({"select": ["balance"], "from": "accounts", "where": ["=", "id", 3]}) == [[42]]


def test_ten_thousand_rows(c):
    """Cells of rows do not count as params."""
    rows = [{"id": i, "balance": -i} for i in range(10, 10_010)]
    reply = c.ask({"query": {"insert": "accounts", "rows": ":r"}, "params": {"r": rows}}, 60)
    assert reply == {"rowcount": 10_000}
    assert c.query({"select": [["sum", "balance"]], "from": "accounts", "where": [">", "id", 9]},
                   expect="scalar")["value"] == -sum(range(10, 10_010))


def test_rows_with_different_keys_are_grouped_never_padded(fresh_db, c):
    """A column that a row does not name gets its default, not null."""
    fresh_db.sql("CREATE TABLE defaults (id INTEGER PRIMARY KEY, a INTEGER DEFAULT 7,"
                 " b VARCHAR(10) DEFAULT 'none');")
    rows = [{"id": 1, "a": 1, "b": "x"}, {"id": 2}, {"b": "y", "id": 3}, {"id": 4, "a": None},
            {"id": 5, "a": 5, "b": "z"}, {"b": None, "id": 6}]
    assert c.ask({"query": {"insert": "defaults", "rows": rows}})["rowcount"] == 6
    assert c.rows({"select": ["id", "a", "b"], "from": "defaults", "order_by": ["id"]}) == [
        [1, 1, "x"], [2, 7, "none"], [3, 7, "y"], [4, None, "none"], [5, 5, "z"], [6, 7, None]]


def test_rows_of_defaults(c):
    """`rows:[{},{}]` inserts rows of defaults."""
    assert c.ask({"query": {"insert": "tags", "rows": [{}, {}]}})["rowcount"] == 2
    assert c.query({"select": ["id"], "from": "tags", "where": ["=", "name", None]},
                   expect="count")["value"] == 2


def test_no_rows_at_all(c):
    reply = c.ask({"query": {"insert": "tags", "rows": ":r"}, "params": {"r": []}})
    assert reply == {"rowcount": 0}


def test_returning_comes_in_the_order_of_rows(c):
    rows = [{"name": f"r{i % 7}", "id": 1000 - i} for i in range(60)]
    reply = c.query({"insert": "tags", "rows": ":rows", "returning": ["id", "name"]},
                    params={"rows": rows})
    assert reply["columns"] == ["id", "name"]
    assert reply["rows"] == [[r["id"], r["name"]] for r in rows]
    assert reply["rowcount"] == 60


def test_returning_of_rows_with_different_keys(c):
    rows = [{"name": "a"}, {"id": 500, "name": "b"}, {"name": "c"}, {"id": 400, "name": "d"}]
    reply = c.ask({"query": {"insert": "tags", "rows": rows, "returning": ["name"]}})
    if "error" in reply:
        assert reply["error"]["code"] == "unsupported_feature"
        assert scalars(c, "id", "tags") == [1, 2, 3]
    else:
        assert reply["rows"] == [["a"], ["b"], ["c"], ["d"]]


def test_values_are_never_code(c):
    for i, text in enumerate(["'); DROP TABLE tags; --", "`", '"', "\\", "\\'", ":name", "?", "$1",
                              "%s", "{\"value\": 1}", "-", "--1", "/*", "\u2019", "null"]):
        row = {"id": 100 + i, "name": text}
        assert c.ask({"query": {"insert": "tags", "rows": [row]}})["rowcount"] == 1
        assert c.rows({"select": ["name"], "from": "tags", "where": ["=", "id", 100 + i]}) == \
            [[text]]
        assert c.query({"select": ["id"], "from": "tags", "where": ["=", "name", ":n"]},
                       params={"n": text}, expect="scalars")["values"] == [100 + i]


def test_an_unknown_column_in_a_row(c):
    error = c.fails({"query": {"insert": "tags", "rows": [{"name": "a"}, {"nmae": "b"}]}},
                    "unknown_column")
    assert error["path"] == "/query/rows/1/nmae" and "name" in error["hint"]
    assert scalars(c, "id", "tags") == [1, 2, 3]


# ---- update ----

def test_update_counts_rows_matched_changed_or_not(c):
    same = {"query": {"update": "accounts", "set": {"balance": 500}, "where": True}}
    for _ in range(2):
        assert c.ask(same) == {"rowcount": 2}
    assert c.ask({"query": {"update": "accounts", "data": {"balance": 500},
                            "where": [">", "id", 10]}}) == {"rowcount": 0}


def test_update_data_and_set(c):
    query = {"update": "users", "data": ":d", "set": {"age": ["+", "age", 1]},
             "where": ["=", "name", ":who"]}
    reply = c.ask({"query": query, "params": {"d": {"city": "Qom", "salary": "1.50"},
                                              "who": "Bob"}})
    assert reply == {"rowcount": 1}
    assert c.rows({"select": ["city", "salary", "age"], "from": "users",
                   "where": ["=", "id", 4]}) == [["Qom", "1.50", 62]]


def test_update_needs_where(c):
    error = c.fails({"query": {"update": "users", "set": {"age": 1}}}, "missing_where")
    assert "true" in error["hint"]
    assert c.fails({"query": {"delete": "users"}}, "missing_where")
    assert scalars(c, "age", "users") == [17, 25, 25, 30, 40, 61]


def test_update_returning(c):
    query = {"update": "accounts", "set": {"balance": ["-", "balance", 100]},
             "where": ["=", "id", 1], "returning": ["id", "balance"]}
    reply = c.ask({"query": query})
    if "error" in reply:
        assert reply["error"]["code"] == "unsupported_feature" and reply["error"]["hint"]
        assert scalars(c, "balance", "accounts") == [500, 500]
    else:
        assert reply["rows"] == [[1, 400]] and reply["rowcount"] == 1


# ---- delete ----

def test_delete_counts(c):
    assert c.ask({"query": {"delete": "votes", "where": ["=", "user_id", 5]}}) == {"rowcount": 0}
    assert c.ask({"query": {"delete": "log_entries", "where": ["<", "created_at", ":t"]},
                  "params": {"t": "2024-01-01T00:00:00"}}) == {"rowcount": 1}
    assert c.ask({"query": {"delete": "accounts", "where": True}}) == {"rowcount": 2}


def test_delete_returning(c):
    reply = c.query({"delete": "accounts", "where": ["=", "id", 2], "returning": ["balance"]})
    assert reply["rows"] == [[500]] and reply["rowcount"] == 1


def test_delete_with_a_subquery(c):
    old = {"select": ["id"], "from": "users", "where": ["=", "name", ":n"]}
    query = {"delete": "orders", "where": ["in", "user_id", old]}
    assert c.ask({"query": query, "params": {"n": "Ahmad"}}) == {"rowcount": 3}


# ---- constraints ----

def names(db, error, **want):
    """table, constraint and columns, as far as the database tells them."""
    for key, value in want.items():
        if key in error or db.kind == "postgresql":
            assert error[key] == value, error


def test_unique_violation(fresh_db, c):
    error = c.fails({"query": {"insert": "users", "rows": [{"name": "dup",
                                                            "email": "bob@yahoo.com"}]}})
    assert (error["code"], error["class"], error["retry"]) == ("unique_violation", "integrity",
                                                               False)
    assert error["db"] == "main" and error["table"] == "users"
    assert error["columns"] == ["email"]
    names(fresh_db, error, constraint={"postgresql": "users_email_key",
                                       "mariadb": "email"}.get(fresh_db.kind))
    assert "bob@yahoo.com" not in error["message"]


def test_a_primary_key_twice(c):
    error = c.fails({"query": {"insert": "tags", "rows": [{"id": 1, "name": "x"}]}},
                    "unique_violation")
    assert error["table"] == "tags" and error["columns"] == ["id"]


def test_foreign_key_violation_both_ways(fresh_db, c):
    error = c.fails({"query": {"insert": "orders", "rows": [{"user_id": 999, "total": 1}]}},
                    "foreign_key_violation")
    assert error["class"] == "integrity"
    names(fresh_db, error, table="orders")
    error = c.fails({"query": {"delete": "users", "where": ["=", "id", 1]}},
                    "foreign_key_violation")
    assert error["class"] == "integrity"


def test_not_null_violation(fresh_db, c):
    error = c.fails({"query": {"insert": "addresses", "rows": [{"email_address": None}]}},
                    "not_null_violation")
    assert error["columns"] == ["email_address"]
    assert c.fails({"query": {"insert": "addresses", "rows": [{"user_id": 1}]}},
                   "not_null_violation")
    assert c.fails({"query": {"update": "addresses", "set": {"email_address": None},
                              "where": True}}, "not_null_violation")


def test_check_violation(fresh_db, c):
    fresh_db.sql("CREATE TABLE adults (id INTEGER PRIMARY KEY, age INTEGER,"
                 " CONSTRAINT grown_up CHECK (age >= 18));")
    error = c.fails({"query": {"insert": "adults", "rows": [{"id": 1, "age": 17}]}},
                    "check_violation")
    assert error["constraint"] == "grown_up" and error["class"] == "integrity"


def test_an_insert_is_all_or_nothing(c):
    """Also when it needs several statements: rows with different keys."""
    rows = [{"name": f"ok{i}"} if i % 2 else {"id": 1000 + i, "name": "x"} for i in range(50)]
    rows[49] = {"id": 1, "name": "taken"}
    for batch in (rows, [{"id": 2000 + i, "name": "y"} for i in range(3000)] + rows[49:]):
        assert c.fails({"query": {"insert": "tags", "rows": ":r"}, "params": {"r": batch}},
                       "unique_violation")
        assert scalars(c, "id", "tags") == [1, 2, 3]
    assert c.ask({"query": {"insert": "tags", "rows": [{"name": "after"}]}})["rowcount"] == 1


def test_division_by_zero_and_overflow_are_errors(c):
    for value, code in ((["//", "balance", 0], "division_by_zero"),
                        (["%", "balance", 0], "division_by_zero"),
                        (["*", "balance", 2 ** 62], "out_of_range"),
                        (["+", "balance", 2 ** 63 - 1], "out_of_range")):
        assert c.fails({"query": {"update": "accounts", "set": {"balance": value},
                                  "where": True}}, code)
        assert scalars(c, "balance", "accounts") == [500, 500]
    query = {"select": [["/", "balance", ["-", "balance", 500]]], "from": "accounts"}
    assert c.fails({"query": query}, "division_by_zero")


def test_a_value_too_long_is_not_cut(c):
    assert c.fails({"query": {"insert": "tags", "rows": [{"name": "x" * 51}]}}, "too_long")
    assert scalars(c, "name", "tags") == ["misc", "python", "sql"]


def test_an_expression_too_long_is_not_cut(c):
    assert c.fails({"query": {"update": "tags", "set": {"name": ["||", "name", ":x"]},
                              "where": True}, "params": {"x": "y" * 60}})
    assert scalars(c, "name", "tags") == ["misc", "python", "sql"]
