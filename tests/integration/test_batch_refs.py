# SPDX-License-Identifier: MIT
"""["ref", step, column]: values of earlier steps in the code of later ones."""
import pytest


def ref(step, column):
    return ["ref", step, column]


def text(value):
    return {"value": value}


def step(query, name=None, **rest):
    named = {"as": name} if name else {}
    return {"query": query, **named, **rest}


def batch(*steps, **rest):
    return {"op": "batch", "steps": list(steps), **rest}


def one(column, table, number):
    return {"select": [column], "from": table, "where": ["=", "id", number]}


def put(number, name):
    return {"insert": "tags", "rows": [{"id": number, "name": name}]}


def results(client, *steps, **rest):
    reply = client.ask(batch(*steps, **rest))
    assert "error" not in reply, reply["error"]
    return reply["results"]


def test_a_generated_key_is_a_value_for_later_steps(tdb, c):
    got = results(
        c, step({"insert": "departments", "set": {"name": text("new ones")}}, "d"),
        step({"insert": "employees", "columns": ["name", "department_id"], "values": [
            [text("a"), ref("d", "id")], [text("b"), ref("d", "id")]]}),
        step({"insert": "employees", "set": {"name": text("c"), "department_id": ref("d", "id")}}),
        step({"select": ["name"], "from": "employees", "order_by": ["name"],
              "where": ["=", "department_id", ref("d", "id")]}, expect="scalars"))
    assert got[3]["values"] == ["a", "b", "c"]
    with tdb.client() as other:
        key = got[0]["keys"][0][0]
        found = other.ask({"query": one("name", "departments", key), "expect": "scalar"})
        assert found["value"] == "new ones"


COLUMNS = ["name", "age", "salary", "is_active", "created_at", "bio"]


def test_a_value_is_what_it_was(c):
    """The row is found again by each of its values, and stored again as it was."""
    row = c.rows({"select": COLUMNS, "from": "users", "where": ["=", "id", 1]})[0]
    filled = [name for name, value in zip(COLUMNS, row) if value is not None]
    assert len(filled) >= 4
    same = ["and", ["=", "id", 1]] + [["=", name, ref("u", name)] for name in filled]
    got = results(
        c, step({"select": COLUMNS, "from": "users", "where": ["=", "id", 1]}, "u"),
        step({"select": ["id"], "from": "users", "where": same}),
        step({"insert": "users", "set": {"id": 7000, **{n: ref("u", n) for n in COLUMNS}}}),
        step({"select": COLUMNS, "from": "users", "where": ["=", "id", 7000]}))
    assert got[1]["rows"] == [[1]]
    assert got[3]["rows"] == [row]


def test_a_null_is_null(c):
    got = results(
        c, step({"insert": "users", "set": {"id": 7001, "name": text("x"), "age": 5}}),
        step({"insert": "users", "set": {"id": 7002, "name": text("x")}}),
        step(one("age", "users", 7002), "u"),
        step({"select": ["id"], "from": "users", "where": ["=", "age", ref("u", "age")]}),
        step({"update": "users", "set": {"age": ref("u", "age")}, "where": ["=", "id", 7001]}),
        step(one("age", "users", 7001)))
    assert got[3]["rows"] == []
    assert got[4]["rowcount"] == 1
    assert got[5]["rows"] == [[None]]


def test_wherever_an_expression_stands(c):
    got = results(
        c, step(put(1000, "a")), step(one("id", "tags", 1000), "t"),
        step({"select": [{"x": ["+", ref("t", "id"), 1]},
                         {"y": {"case": [[["=", "id", ref("t", "id")], 1]], "else": 0}}],
              "from": "tags", "where": ["in", "id", [ref("t", "id"), 999]]}),
        step({"select": [["count", "*"]], "from": "tags", "where": ["exists", {
            "select": [1], "from": "posts", "where": ["<", "posts.id", ref("t", "id")]}]}),
        step({"insert": "tags", "columns": ["id", "name"], "from_query": {
            "select": [["+", "id", 1], {"n": text("b")}], "from": "tags",
            "where": ["=", "id", ref("t", "id")]}}),
        step({"delete": "tags", "where": [">=", "id", ref("t", "id")]}))
    assert got[2]["rows"] == [[1001, 1]]
    assert got[3]["rows"][0][0] > 0
    assert [got[4]["rowcount"], got[5]["rowcount"]] == [1, 2]


@pytest.mark.parametrize("expect, column, value", [
    ("all", "id", 1000), ("first", "id", 1000), ("one_or_none", "name", "a,\"]\\\né"),
    ("scalar", "id", 1000), ("count", "count", 1), ("exists", "exists", True)])
def test_what_a_step_gave_in_any_form(c, expect, column, value):
    shown = {"select": ["id", "name"] if expect != "scalar" else ["id"], "from": "tags",
             "where": ["=", "id", 1000]}
    got = results(c, step(put(1000, "a,\"]\\\né")), step(shown, "t", expect=expect),
                  step({"select": [{"v": ref("t", column)}]}))
    assert got[2]["rows"] == [[value]]


def test_the_first_of_many_rows(c):
    names = ["x\",\"[{", "]}", "\\"] + [f"n{i}" for i in range(500)]
    rows = [{"id": 1000 + i, "name": name} for i, name in enumerate(names)]
    many = {"select": ["name"], "from": "tags", "where": [">=", "id", 1000], "order_by": ["id"]}
    got = results(c, step({"insert": "tags", "rows": rows}, "new", keys=True),
                  step(many, "v", expect="scalars"),
                  step({**many, "select": ["name", "id"]}, "r"),
                  step({"select": [{"a": ref("v", "name")}, {"b": ref("r", "name")},
                                   {"c": ref("r", "id")}, {"d": ref("new", "id")}]}))
    assert len(got[1]["values"]) == len(names)
    assert got[3]["rows"] == [[names[0], names[0], 1000, 1000]]


def test_values_are_no_part_of_the_sql(c):
    hostile = "x'); DROP TABLE tags; --"
    search = {"select": ["id"], "from": "tags", "where": ["=", "name", ref("t", "name")]}
    misses = []
    for number, name in ((1000, "plain"), (1001, hostile), (1002, "`\"$1?")):
        got = results(c, step(put(number, name)), step(one("name", "tags", number), "t"),
                      step(search))
        assert got[2]["rows"] == [[number]]
        misses.append(c.ask({"op": "stats"})["stats"]["plan_cache"]["misses"])
    assert misses[0] == misses[1] == misses[2]


def test_one_form_with_values_of_several_types(c):
    echo = step({"select": [{"v": ref("t", "v")}]})
    for value in (7, 8, {"value": "x"}, 2.5, True, {"value": "2024-02-29", "type": "date"}, None, 9):
        given, told = results(c, step({"select": [{"v": value}]}, "t"), echo)
        assert (told["types"], told["rows"]) == (given["types"], given["rows"]), value


def test_rows_of_data_are_data(c):
    code = c.fails(batch(step(put(1000, "a"), "t"), step(put(1001, ref("t", "id")))))["code"]
    assert code in ("type_mismatch", "bad_value")


def test_columns_may_be_called_so(make_db):
    db = make_db()
    db.sql("CREATE TABLE r (ref INTEGER, a INTEGER, b INTEGER);"
           "INSERT INTO r (ref, a, b) VALUES (1, 2, 3);")
    with db.client() as c:
        listed = {"select": ["ref", "a", "b"], "from": "r", "order_by": ["ref", "a", "b"]}
        for name in ("a", "other"):
            got = results(c, step({"select": ["id"], "from": "tags"}, name), step(listed))
            assert got[1]["rows"] == [[1, 2, 3]]


def test_in_a_transaction_and_from_prepared_statements(c):
    c.ask({"op": "prepare", "name": "by_id",
           "query": {"select": ["name"], "from": "tags", "where": ["=", "id", ":n"]}})
    c.ask({"op": "begin", "tx": "t"})
    got = results(c, step(put(1000, "a")),
                  {"run": "by_id", "params": {"n": 1000}, "as": "p"},
                  step({"insert": "tags", "set": {"id": 1001, "name": ref("p", "name")}}), tx="t")
    assert got[2]["rowcount"] == 1
    assert c.ask({"op": "commit", "tx": "t"}) == {"ok": True}
    assert c.rows(one("name", "tags", 1001)) == [["a"]]


def test_beside_several_sets_of_params(c):
    got = results(
        c, step(put(1000, "a")), step(one("name", "tags", 1000), "t"),
        step({"update": "tags", "set": {"name": ["concat", ref("t", "name"), ":s"]},
              "where": ["=", "id", ":n"]}, params=[{"s": "b", "n": 1000}, {"s": "c", "n": 1}]),
        step({"select": ["name"], "from": "tags", "where": ["in", "id", [1, 1000]],
              "order_by": ["id"]}, expect="scalars"))
    assert got[3]["values"] == ["ac", "ab"]


def where(value):
    return {"select": ["id"], "from": "tags", "where": ["=", "id", value]}


TAGS = step({"select": ["id", "name"], "from": "tags", "order_by": ["id"]}, "t")
NONE = step(one("id", "tags", -1), "none")
SKIPPED = step(one("id", "tags", 1), "skipped", **{"if": ["ok", "none"]})
BAD = {
    "no such step": ([TAGS, step(where(ref("x", "id")))], "bad_query", "/steps/1/query/where/2/1"),
    "a step behind it": ([step(where(ref("t", "id"))), TAGS], "bad_query",
                         "/steps/0/query/where/2/1"),
    "itself": ([step(where(ref("t", "id")), "t")], "bad_query", "/steps/0/query/where/2/1"),
    "no such column": ([TAGS, step(where(ref("t", "idd")))], "unknown_column",
                       "/steps/1/query/where/2/2"),
    "a count": ([step({"delete": "tags", "where": ["=", "id", -1]}, "d"),
                 step(where(ref("d", "id")))], "unknown_column", "/steps/1/query/where/2/2"),
    "no row": ([NONE, step(where(ref("none", "id")))], "no_result", "/steps/1/query/where/2/1"),
    "no row of data": ([step({"insert": "tags", "rows": []}, "i"), step(where(ref("i", "id")))],
                       "no_result", "/steps/1/query/where/2/1"),
    "skipped": ([NONE, {**SKIPPED, "if": ["not", ["ok", "none"]]},
                 step(where(ref("skipped", "id")))], "no_result", "/steps/2/query/where/2/1"),
    "another type": ([TAGS, step(where(ref("t", "name")))], "type_mismatch", None),
    "a name alone": ([TAGS, step(where(["ref", "t"]))], "bad_arity", "/steps/1/query/where/2"),
    "no name": ([TAGS, step(where(["ref", "t", 1]))], "bad_query", "/steps/1/query/where/2/2"),
    "a limit": ([TAGS, step({"select": ["id"], "from": "tags", "limit": ref("t", "id")})],
                "bad_query", "/steps/1/query/limit"),
    "an order": ([TAGS, step({"select": ["id"], "from": "tags", "order_by": [ref("t", "id")]})],
                 "bad_query", "/steps/1/query/order_by/0"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("atomic", [True, False])
def test_bad_refs(c, case, atomic):
    steps, code, path = BAD[case]
    for _ in range(2):  # what was refused is in no cache
        reply = c.ask(batch(*steps, atomic=atomic))
        errors = [reply] if atomic else [r for r in reply["results"] if "error" in r]
        assert [e["error"]["code"] for e in errors] == [code], reply
        assert path is None or errors[0]["error"]["path"] == path
    assert results(c, TAGS, step(where(ref("t", "id"))))[1]["rowcount"] == 1


def test_a_step_that_failed_has_no_row(c):
    reply = c.ask(batch(step(put(1, "there already"), "t"), step(where(ref("t", "id"))),
                        atomic=False))
    assert [r["error"]["code"] for r in reply["results"]] == ["unique_violation", "no_result"]


def test_outside_of_a_batch(c):
    for request in ({"query": where(ref("t", "id"))},
                    {"op": "prepare", "name": "p", "query": where(ref("t", "id"))},
                    {"op": "compile", "query": where(ref("t", "id"))}):
        error = c.fails(request, "bad_query")
        assert error["path"] == "/query/where/2/0" and "batch" in error["hint"]


def test_more_than_is_looked_for(c):
    names = {f"c{i}": ["+", "id", i] for i in range(120)}
    wide = step({"select": [names], "from": "tags", "where": ["=", "id", 1]}, "w")

    def added(count):
        return step({"select": [{f"v{i}": ref("w", f"c{i}") for i in range(count)}]})
    assert results(c, wide, added(100))[1]["rows"] == [[i + 1 for i in range(100)]]
    assert c.fails(batch(wide, added(101)), "query_too_large")["step"] == 1


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_types_of_postgresql(make_db):
    db = make_db()
    db.sql("CREATE TYPE mood AS ENUM ('sad', 'it''s ok');"
           "CREATE TABLE own (id INTEGER PRIMARY KEY, m mood, i INTERVAL, a INTEGER[], t TEXT[],"
           " j JSONB, u UUID, b BYTEA, n NUMERIC, d DOUBLE PRECISION, z TIMESTAMPTZ, c CHAR(5),"
           " k TIME);"
           "INSERT INTO own VALUES (1, 'it''s ok', '1 mon 2 days 3.5 s', '{1,NULL,-3}',"
           " '{\"a,b\",NULL}', '{\"x\":[1,\"]\"]}', '11111111-2222-3333-4444-555555555555',"
           " '\\x00ff', 12.3450, 'NaN', '2024-02-29 12:00:00+02', 'ab', '12:34:56.5');")
    names = ["m", "i", "a", "t", "j", "u", "b", "n", "d", "z", "c", "k"]
    with db.client() as c:
        row = {"select": names, "from": "own", "where": ["=", "id", 1]}
        same = ["and"] + [["=", n, ref("o", n)] for n in names if n not in ("j",)]
        got = results(c, step(row, "o"),
                      step({"insert": "own", "set": {"id": 2, **{n: ref("o", n) for n in names}}}),
                      step({**row, "where": ["=", "id", 2]}),
                      step({"select": ["id"], "from": "own", "where": same, "order_by": ["id"]}))
        assert got[2]["rows"] == got[0]["rows"]
        assert got[3]["rows"] == [[1], [2]]
        db.sql("CREATE TABLE odd (id INTEGER PRIMARY KEY, ip INET);"
               "INSERT INTO odd VALUES (1, '10.0.0.1');")
        c.ask({"op": "schema.reload"})
        error = c.fails(batch(step(one("ip", "odd", 1), "o"),
                              step({"select": [{"x": ref("o", "ip")}]})), "type_mismatch")
        assert error["path"] == "/steps/1/query/select/0/x"
