# SPDX-License-Identifier: MIT
"""`with` beside writes, and writes inside it."""
import pytest


@pytest.fixture
def c(fresh_db):
    with fresh_db.client() as client:
        yield client


def done(c, query, **rest):
    reply = c.ask({"query": query, **rest})
    assert "error" not in reply, reply
    return reply


def refused(c, query, code, **rest):
    reply = c.ask({"query": query, **rest})
    assert reply.get("error", {}).get("code") == code, reply
    return reply["error"]


def column(c, name, table):
    return c.query({"select": [name], "from": table, "order_by": ["id"]},
                   expect="scalars")["values"]


def query_of(name):
    return {"select": ["id"], "from": name}


ODD = {"odd": {"select": ["id"], "from": "users", "where": ["=", ["%", "id", 2], 1]}}
CHAIN = {"n": {"columns": ["i"], "query": {"union_all": [
    {"select": [1]}, {"select": [["+", "i", 1]], "from": "n", "where": ["<", "i", ":to"]}]}}}


# ---- beside insert ----

def test_insert_from_query(c):
    query = {"with": {**ODD, "late": {"select": ["id"], "from": "odd", "where": [">", "id", 1]}},
             "insert": "tags", "columns": ["name"],
             "from_query": {"with": {"last": {"select": ["id"], "from": "late"}},
                            "select": ["u.name"], "from": {"u": "users"},
                            "join": [{"inner": "last", "on": ["=", "last.id", "u.id"]}],
                            "order_by": ["u.id"]}}
    before = column(c, "name", "tags")
    assert done(c, query)["rowcount"] == 2
    names = column(c, "name", "users")
    assert column(c, "name", "tags") == before + [names[2], names[4]]


@pytest.mark.parametrize("to", [1, 5])
def test_insert_from_steps(c, to):
    before = column(c, "name", "tags")
    query = {"with": CHAIN, "recursive": True, "insert": "tags", "columns": ["name"],
             "from_query": {"select": [["cast", "i", "text"]], "from": "n", "order_by": ["i"]}}
    assert done(c, query, params={"to": to})["rowcount"] == to
    assert column(c, "name", "tags") == before + [str(i + 1) for i in range(to)]


def test_insert_values_and_rows(c):
    most = {"most": {"select": [{"a": ["max", "age"]}], "from": "users"}}
    old = max(column(c, "age", "users"))
    value = {"select": ["a"], "from": "most"}
    done(c, {"with": most, "insert": "users", "columns": ["name", "age", "is_active", "is_deleted"],
             "values": [[{"value": "V"}, value, True, False]]})
    done(c, {"with": most, "insert": "users", "set": {
        "name": {"value": "S"}, "age": ["+", value, 1], "is_active": True, "is_deleted": False}})
    rows = [{"name": "R1", "is_active": True}, {"name": "R2", "is_active": False}]
    assert done(c, {"with": most, "insert": "users", "rows": rows, "set": {
        "age": ["+", value, 1], "is_deleted": False}})["rowcount"] == 2
    assert column(c, "age", "users")[6:] == [old, old + 1, old + 2, old + 3]


def test_rows_beside_a_query_that_nobody_reads(c):
    rows = [{"name": "one"}, {"name": "two"}]
    assert done(c, {"with": {"x": {"select": [5, {"t": {"value": "five"}}]}}, "insert": "tags",
                    "rows": rows})["rowcount"] == 2
    assert column(c, "name", "tags")[-2:] == ["one", "two"]


def test_conflict(c):
    ids = column(c, "id", "tags")
    query = {"with": ODD, "insert": "tags", "rows": [{"id": ids[0], "name": "x"}],
             "conflict": {"on": ["id"], "do": "update", "set": {
                 "name": ["cast", {"select": [["count", "*"]], "from": "odd"}, "text"]}}}
    assert done(c, query)["rowcount"] == 1
    assert column(c, "name", "tags")[0] == "3"
    query["from_query"] = {"select": ["id", {"name": ["cast", "id", "text"]}], "from": "odd",
                           "where": ["=", "id", ids[0]]}
    del query["rows"]
    query["conflict"]["set"] = {"name": ["||", "new.name", {"value": "!"}]}
    assert done(c, query)["rowcount"] == 1
    assert column(c, "name", "tags")[0] == f"{ids[0]}!"


# ---- beside update and delete ----

def test_update(c):
    query = {"with": {"n": {"select": ["user_id", {"n": ["count", "*"]}], "from": "orders",
                            "group_by": ["user_id"]}},
             "update": "users", "set": {
                 "age": {"select": ["n"], "from": "n", "where": ["=", "n.user_id", "users.id"]}},
             "where": ["in", "id", {"select": ["user_id"], "from": "n"}]}
    counts = dict(c.rows(query["with"]["n"]))
    ages = column(c, "age", "users")
    expected = [counts.get(i + 1, age) for i, age in enumerate(ages)]
    assert done(c, query)["rowcount"] == len(counts)
    assert column(c, "age", "users") == expected
    query.update({"set": {"age": ["+", "n.n", ":more"]}, "from": "n",
                  "where": ["=", "n.user_id", "users.id"]})
    for more in (10, 20):
        assert done(c, query, params={"more": more})["rowcount"] == len(counts)
        assert column(c, "age", "users") == [
            counts[i + 1] + more if i + 1 in counts else age for i, age in enumerate(ages)]


def test_update_sees_the_table_as_it_was(c):
    query = {"with": {"s": {"select": [{"n": ["sum", "age"]}], "from": "users"}},
             "update": "users", "set": {"age": {"select": ["n"], "from": "s"}}, "where": True}
    total = sum(a for a in column(c, "age", "users") if a is not None)
    assert done(c, query)["rowcount"] == 6
    assert column(c, "age", "users") == [total] * 6


def test_update_returning(c):
    buyers = {"buyers": {"select": [{"id": "user_id"}], "distinct": True, "from": "orders"}}
    ids = sorted(c.query(buyers["buyers"], expect="scalars")["values"])
    reply = done(c, {"with": buyers, "update": "users", "set": {"age": 9},
                     "where": ["in", "id", query_of("buyers")], "returning": ["id", "age"]})
    assert sorted(reply["rows"]) == [[i, 9] for i in ids]


def test_delete(c):
    old = {"old": {"select": ["id"], "from": "orders", "order_by": ["id"], "limit": ":n"}}
    ids = column(c, "id", "orders")
    query = {"with": old, "delete": "orders", "where": ["in", "id", query_of("old")]}
    assert done(c, query, params={"n": 1})["rowcount"] == 1
    assert done(c, query, params={"n": 2})["rowcount"] == 2
    assert column(c, "id", "orders") == ids[3:]
    left = done(c, {"with": old, "delete": "orders", "using": "old",
                    "where": ["=", "old.id", "orders.id"], "returning": ["id"]}, params={"n": 1})
    assert left["rows"] == [[i] for i in ids[3:4]]


def test_what_is_written_is_a_table(c):
    """Also where a query of `with` has its name; everywhere else that is the query."""
    query = {"with": {"orders": {"select": [{"id": 1}]}}, "delete": "orders",
             "where": ["in", "orders.id", {"select": ["x.id"], "from": {"x": "orders"}}]}
    before = column(c, "id", "orders")
    assert done(c, query)["rowcount"] == 1
    assert column(c, "id", "orders") == before[1:]


def test_two_subqueries_and_a_choice(c, fresh_db):
    """MariaDB would choose the rows twice."""
    some = {"some": {"select": ["id"], "from": "users", "order_by": ["id"], "limit": 2}}
    query = {"with": some, "update": "users",
             "set": {"age": {"select": [["count", "*"]], "from": "some"}},
             "where": ["in", "id", query_of("some")]}
    reply = c.ask({"query": query})
    if "error" in reply:
        assert fresh_db.kind == "mariadb" and reply["error"]["code"] == "unsupported_feature"
    else:
        assert column(c, "age", "users")[:2] == [2, 2]


# ---- writes inside `with` ----

ON_POSTGRESQL = pytest.mark.parametrize("server", ["postgresql"], indirect=True)


@pytest.fixture
def pg(fresh_db):
    """A client of PostgreSQL, which alone has writes in `with`."""
    assert fresh_db.kind == "postgresql"
    with fresh_db.client() as client:
        yield client


GONE = {"gone": {"delete": "orders", "where": ["<=", "id", ":to"],
                 "returning": ["id", "user_id"]}}


def test_refused_elsewhere(c, fresh_db):
    query = {"with": GONE, "select": ["id"], "from": "gone"}
    if fresh_db.kind != "postgresql":
        error = refused(c, query, "unsupported_feature", params={"to": 1})
        assert error["path"] == "/query/with/gone" and "transaction" in error["hint"]


@ON_POSTGRESQL
def test_rows_that_are_gone(pg):
    ids = column(pg, "id", "orders")
    query = {"with": GONE, "select": ["id"], "from": "gone", "order_by": ["id"]}
    for to in ids[:2]:
        assert done(pg, query, params={"to": to})["rows"] == [[to]]
    assert done(pg, query, params={"to": 0})["rows"] == []
    assert column(pg, "id", "orders") == ids[2:]


@ON_POSTGRESQL
def test_the_statement_around_sees_the_table_as_it_was(pg):
    ids = column(pg, "id", "orders")
    query = {"with": GONE, "select": ["id"], "from": "orders", "order_by": ["id"]}
    assert done(pg, query, params={"to": ids[0]})["rows"] == [[i] for i in ids]
    assert column(pg, "id", "orders") == ids[1:]


@ON_POSTGRESQL
def test_rows_that_move(pg):
    ids, names = column(pg, "id", "orders"), column(pg, "name", "tags")
    query = {"with": GONE, "insert": "tags", "columns": ["name"], "from_query": {
        "select": [["cast", "id", "text"]], "from": "gone", "order_by": ["id"]}}
    assert done(pg, query, params={"to": ids[1]}) == {"rowcount": 2}
    assert column(pg, "name", "tags") == names + [str(i) for i in ids[:2]]


@ON_POSTGRESQL
def test_every_kind_of_write_at_once(pg):
    query = {"with": {
        "made": {"insert": "tags", "columns": ["name"],
                 "values": [[{"value": "a"}], [{"value": "b"}]], "returning": "*"},
        "older": {"columns": ["who", "years"], "query": {
            "update": "users", "set": {"age": ["+", "age", ":more"]}, "where": ["<=", "id", 2],
            "returning": ["id", "age"]}},
        "quiet": {"delete": "orders", "where": ["in", "user_id", {
            "select": ["who"], "from": "older"}]}},
        "select": ["who", "years", {"n": {"select": [["count", "*"]], "from": "made"}}],
        "from": "older", "order_by": ["who"]}
    ages = column(pg, "age", "users")
    for round_ in (1, 2):
        assert done(pg, query, params={"more": 5})["rows"] == [
            [1, ages[0] + 5 * round_, 2], [2, ages[1] + 5 * round_, 2]]
    assert column(pg, "name", "tags")[-4:] == ["a", "b"] * 2
    assert {1, 2}.isdisjoint(column(pg, "user_id", "orders"))


@ON_POSTGRESQL
def test_an_answer_that_fails_undoes_it(pg):
    ids = column(pg, "id", "orders")
    query = {"with": GONE, "select": ["id"], "from": "gone"}
    assert "error" in pg.ask({"query": query, "params": {"to": ids[1]}, "expect": "one"})
    assert column(pg, "id", "orders") == ids
    assert done(pg, query, params={"to": ids[0]}, expect="one")["rows"] == [[ids[0]]]
    refused(pg, query, "bad_request", params={"to": 1}, expect="count")
    refused(pg, query, "unsupported_feature", params={"to": 1}, stream=True)
    refused(pg, query, "unsupported_feature", params=[{"to": 1}, {"to": 2}])


@ON_POSTGRESQL
def test_compile_says_that_it_writes(pg):
    before = column(pg, "id", "orders")
    reply = pg.ask({"op": "compile", "query": {"with": GONE, "select": ["id"], "from": "gone"},
                    "params": {"to": 100}})
    assert reply["sql"].startswith('WITH "t1" AS (DELETE FROM "public"."orders" WHERE ')
    assert column(pg, "id", "orders") == before
