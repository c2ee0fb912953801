# SPDX-License-Identifier: MIT
"""Forms of writes that the databases have in words of their own, or not at all."""
import threading

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


# ---- update … returning ----

def test_update_returning_everywhere(c):
    reply = done(c, {"update": "users", "set": {"age": ["+", "age", 1]}, "where": [">", "id", 4],
                     "returning": ["id", {"next": ["+", "age", 1]}]})
    assert sorted(reply["rows"]) == [[5, 27], [6, 42]] and reply["rowcount"] == 2
    assert done(c, {"update": "users", "set": {"age": 1}, "where": ["=", "id", 99],
                    "returning": ["id"]})["rows"] == []
    assert done(c, {"update": "users", "set": {"age": 1}, "where": ["=", "id", 1],
                    "returning": ["age"]}, expect="scalar")["value"] == 1


def test_update_returning_with_a_wide_key(c):
    reply = done(c, {"update": "votes", "data": {"choice": "maybe"}, "where": True,
                     "returning": ["user_id", "poll_id", "choice"]})
    assert reply["rowcount"] == len(reply["rows"]) > 0
    assert {row[2] for row in reply["rows"]} == {"maybe"}


def test_update_returning_that_is_refused_writes_nothing(c):
    before = column(c, "age", "users")
    refused(c, {"update": "users", "set": {"age": 0}, "where": True, "returning": ["id"]},
            "multiple_results", expect="one")
    assert column(c, "age", "users") == before


# ---- conflict ----

@pytest.fixture
def k(fresh_db, c):
    """Two unique keys, a default, a bound of length."""
    fresh_db.sql("CREATE TABLE k (id INTEGER PRIMARY KEY, email VARCHAR(20) UNIQUE,"
                 " n INTEGER NOT NULL DEFAULT 5, s VARCHAR(10));"
                 "INSERT INTO k VALUES (1, 'a', 1, NULL), (2, 'b', 2, NULL);")
    return c


def rows_of_k(c):
    return c.rows({"select": ["id", "email", "n", "s"], "from": "k", "order_by": ["id"]})


ADD = {"on": ["id"], "do": "update", "set": {"n": ["+", "k.n", "new.n"]}}


def test_upsert_counts_rows_written(k):
    upsert = {"insert": "k", "rows": [{"id": 1, "n": 10}, {"id": 3, "n": 30}], "conflict": ADD}
    assert done(k, upsert) == {"rowcount": 2}
    assert rows_of_k(k) == [[1, "a", 11, None], [2, "b", 2, None], [3, None, 30, None]]
    assert done(k, {**upsert, "rows": [{"id": 3, "n": 0}]}) == {"rowcount": 1, "keys": [[3]]}


def test_upsert_where(k):
    upsert = {"insert": "k", "rows": [{"id": 1, "n": 10}, {"id": 2, "n": 1}, {"id": 3}],
              "conflict": {"on": ["id"], "do": "update", "set": {"n": "new.n"},
                           "where": ["<", "k.n", "new.n"]}, "returning": ["id", "n"]}
    reply = done(k, upsert)
    assert reply["rows"] == [[1, 10], [3, 5]] and reply["rowcount"] == 2
    assert [row[2] for row in rows_of_k(k)] == [10, 2, 5]


def test_nothing_inserts_only_what_is_new(k):
    reply = done(k, {"insert": "k", "rows": [{"id": 1, "email": "z"}, {"id": 3}, {"id": 3}],
                     "conflict": {"on": ["id"], "do": "nothing"}, "returning": ["id", "n"]})
    assert reply["rows"] == [[3, 5]] and reply["rowcount"] == 1
    assert done(k, {"insert": "k", "rows": [{"id": 9, "email": "a"}, {"id": 2}, {"id": 4}],
                    "conflict": {"do": "nothing"}}) == {"rowcount": 1}
    assert [row[0] for row in rows_of_k(k)] == [1, 2, 3, 4]


def test_nothing_is_no_licence_for_other_errors(k):
    refused(k, {"insert": "k", "rows": [{"id": 7}, {"id": 8, "n": None}],
                "conflict": {"do": "nothing"}}, "not_null_violation")
    refused(k, {"insert": "orders", "rows": [{"id": 900, "user_id": 12345}],
                "conflict": {"do": "nothing"}}, "foreign_key_violation")
    refused(k, {"insert": "k", "rows": [{"id": 7}, {"id": 1, "email": "new"}],
                "conflict": {"on": ["email"], "do": "nothing"}}, "unique_violation")
    assert len(rows_of_k(k)) == 2


def test_another_key_that_clashes_is_an_error(k):
    """MariaDB's ON DUPLICATE KEY would update the row of the wrong key."""
    by_email = {"on": ["email"], "do": "update", "data": {"s": "seen"}}
    assert done(k, {"insert": "k", "rows": [{"id": 1, "email": "b"}], "conflict": by_email,
                    "returning": ["id", "s"]})["rows"] == [[2, "seen"]]
    refused(k, {"insert": "k", "rows": [{"id": 1, "email": "new"}], "conflict": by_email},
            "unique_violation")
    assert rows_of_k(k) == [[1, "a", 1, None], [2, "b", 2, "seen"]]


def test_rows_are_taken_one_after_the_other(k):
    assert done(k, {"insert": "k", "rows": [{"id": 20, "email": "q"}, {"id": 20, "email": "q"},
                                           {"id": 20, "email": "q", "n": 3}],
                    "conflict": {**ADD, "on": ["email"]}}) == {"rowcount": 3}
    assert rows_of_k(k)[-1] == [20, "q", 13, None]


def test_a_failing_row_undoes_the_others(k):
    refused(k, {"insert": "k", "rows": [{"id": 3}, {"id": 1}, {"id": 4}],
                "conflict": {**ADD, "set": {"n": None}}}, "not_null_violation")
    refused(k, {"insert": "k", "rows": [{"id": 3}, {"id": 1}, {"id": 4}],
                "conflict": {**ADD, "set": {"s": ["concat", "new.n", {"value": "0123456789"}]}}},
            "too_long")
    assert len(rows_of_k(k)) == 2


def test_upsert_of_a_query(k):
    reply = done(k, {"insert": "k", "columns": ["id", "n"], "from_query": {
        "select": [["+", "id", 1], "n"], "from": "k"}, "conflict": {
            "on": ["id"], "do": "update", "set": {"s": {"value": "query"}}}})
    assert reply == {"rowcount": 2}
    assert rows_of_k(k) == [[1, "a", 1, None], [2, "b", 2, "query"], [3, None, 2, None]]


def test_two_clients_upsert_the_same_keys(fresh_db, k):
    """No row is lost or doubled, and no count either; a deadlock is told, not hidden."""
    told = []

    def run():
        with fresh_db.client() as client:
            for _ in range(25):
                for conflict in (ADD, {**ADD, "on": ["email"]}):
                    reply = client.ask({"query": {
                        "insert": "k", "rows": [{"id": 77, "email": "e", "n": 1}],
                        "conflict": conflict}})
                    told.append("ok" if "error" not in reply else reply["error"]["code"])
    threads = [threading.Thread(target=run) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    written = told.count("ok")
    assert set(told) <= {"ok", "deadlock", "serialization_failure", "lock_timeout",
                         "database_busy"}, set(told)
    assert written > 0
    assert [row for row in rows_of_k(k) if row[0] == 77] == [[77, "e", written, None]]


# ---- params as a list ----

INSERT_K = {"insert": "k", "set": {"id": ":i", "n": ["+", ":n", 1], "s": ":s"}}


def test_a_statement_for_each_set_of_params(k):
    sets = [{"i": 10, "n": 1, "s": None}, {"s": "é", "i": 11, "n": 3000000}]
    assert done(k, INSERT_K, params=sets) == {"rowcount": 2}
    assert rows_of_k(k)[2:] == [[10, None, 2, None], [11, None, 3000001, "é"]]
    assert done(k, INSERT_K, params=[{"i": 12, "n": 0, "s": "x"}, {"i": 13, "n": 0, "s": "y"}],
                keys=True) == {"rowcount": 2, "keys": [[12], [13]]}
    add = {"update": "k", "set": {"n": ["+", "n", ":d"]}, "where": ["=", "id", ":i"]}
    sets = [{"i": 1, "d": 1}, {"i": 99, "d": 1}, {"i": 1, "d": 5}]
    assert done(k, add, params=sets) == {"rowcount": 2}
    assert done(k, {**add, "returning": ["id", "n"]}, params=sets)["rows"] == [[1, 8], [1, 13]]
    gone = {"delete": "k", "where": ["=", "id", ":i"], "returning": ["id"]}
    assert done(k, gone, params=[{"i": 13}, {"i": 99}, {"i": 12}])["rows"] == [[13], [12]]


def test_upserts_for_each_set_of_params(k):
    upsert = {"insert": "k", "set": {"id": ":i", "n": ":n"},
              "conflict": {"on": ["id"], "do": "update", "set": {"n": ["+", "k.n", ":n"]}}}
    sets = [{"i": 1, "n": 100}, {"i": 5, "n": 5}, {"i": 5, "n": 6}]
    assert done(k, upsert, params=sets) == {"rowcount": 3}
    assert [row[2] for row in rows_of_k(k)] == [101, 2, 11]
    assert done(k, {**upsert, "conflict": {"do": "nothing"}},
                params=[*sets, {"i": 6, "n": 6}]) == {"rowcount": 1}


def test_all_sets_or_none(k):
    refused(k, INSERT_K, "unique_violation",
            params=[{"i": 30, "n": 1, "s": None}, {"i": 1, "n": 1, "s": None}])
    assert len(rows_of_k(k)) == 2


@pytest.mark.parametrize("params, code, path", [
    ([], "bad_request", "/params"),
    ([1], "bad_request", "/params/0"),
    ([{"i": 1, "n": 1, "s": None}, []], "bad_request", "/params/1"),
    ([{"i": 1, "n": 1, "s": None}, {"i": 1, "n": 1}], "missing_param", "/params/1"),
    ([{"i": 1, "n": 1, "s": ""}, {"i": 1, "n": 1, "s": "", "t": 1}], "unused_param",
     "/params/1/t"),
    ([{"i": 1, "n": 1, "s": ""}, {"i": 1, "n": "1", "s": ""}], "type_mismatch", "/params/1/n"),
    ([{"i": 7, "n": 1, "s": ""}, {"i": 8, "n": 1, "s": "x" * 11}], "too_long", "/params/1/s"),
    ([{"i": 7, "n": [1], "s": ""}], "unsupported_feature", "/params/0/n"),
])
def test_bad_sets_of_params(k, params, code, path):
    assert refused(k, INSERT_K, code, params=params)["path"] == path


def test_reads_take_one_set_of_params(k):
    refused(k, {"select": ["id"], "from": "k", "where": ["=", "id", ":i"]}, "bad_request",
            params=[{"i": 1}])


def test_a_value_of_all_rows_and_of_the_clash(k):
    """One param beside the rows, in what they clash into, and in what comes back."""
    upsert = {"insert": "k", "rows": [{"id": 1}, {"id": 8}, {"id": 9}], "set": {"n": ":p"},
              "conflict": {"on": ["id"], "do": "update", "set": {"n": ["+", "k.n", ":p"]}},
              "returning": ["id", "n", {"p": ":p"}]}
    assert done(k, upsert, params={"p": 7})["rows"] == [[1, 8, 7], [8, 7, 7], [9, 7, 7]]


def test_many_upserts(k):
    """Ten thousand rows whose keys differ, then some that do not."""
    rows = [{"id": i, "n": i} for i in range(10_000)]
    upsert = {"insert": "k", "rows": ":r", "conflict": ADD}
    assert done(k, upsert, params={"r": rows}) == {"rowcount": 10_000}
    assert done(k, upsert, params={"r": rows[:50] + rows[:50]}) == {"rowcount": 100}
    assert [row[2] for row in rows_of_k(k)][:6] == [0, 4, 8, 9, 12, 15]
    assert len(rows_of_k(k)) == 10_000


def test_compile_shows_every_statement(k):
    """Also of an insert without rows, and not of params that are none."""
    upsert = {"insert": "k", "rows": [{"id": 1}], "conflict": {
        "on": ["id"], "do": "update", "set": {"n": 1}, "where": [">", "k.n", 0]}}
    dialects = ["postgresql", "mariadb", "sqlite"]
    sql = k.ask({"op": "compile", "query": upsert, "dialects": dialects})["sql"]
    assert [sql[d].count("; ") for d in dialects] == [0, 3, 0]
    assert k.ask({"op": "compile", "query": {**upsert, "rows": []}})["sql"] == ""
    bad = k.ask({"op": "compile", "query": upsert, "params": [1]})
    assert bad["error"]["path"] == "/params/0"


def test_update_from_what_is_no_table(k):
    values = {"v": {"values": [[1, {"value": "x"}], [2, {"value": "y"}]], "columns": ["id", "s"]}}
    reply = done(k, {"update": "k", "from": values, "set": {"s": "v.s"},
                     "where": ["=", "v.id", "k.id"], "returning": ["id", "s"]})
    assert sorted(reply["rows"]) == [[1, "x"], [2, "y"]]
    sums = {"q": {"select": ["user_id", {"n": ["count", "*"]}], "from": "orders",
                  "group_by": ["user_id"]}}
    counts = dict(k.rows(sums["q"]))
    done(k, {"update": "k", "from": sums, "set": {"n": "q.n"}, "where": ["=", "q.user_id", "k.id"]})
    assert [row[2] for row in rows_of_k(k)] == [counts.get(1, 1), counts.get(2, 2)]


def test_join_using(k):
    assert done(k, {"update": "k", "join": [{"inner": "tags", "using": ["id"]}],
                    "set": {"s": "tags.name"}, "where": True}) == {"rowcount": 2}
    assert [row[3] for row in rows_of_k(k)] == ["python", "sql"]
