# SPDX-License-Identifier: MIT
"""What a database has beyond the language: functions that the conf allows, operators of
a fixed list, PostgreSQL's arrays."""
import pytest


AGGREGATES = ["percentile_cont", "percentile_disc", "mode", "rank", "bit_and", "regr_slope"]
MOMENT = {"value": "2024-01-01T00:00:00", "type": "timestamp"}


@pytest.fixture(scope="module")
def allowed():
    return ["lower", "upper", "pg_catalog.lower", "clock_timestamp", "nope", "sum",
            "lower; drop table users", 'lo"wer', *AGGREGATES]


def value(client, expression, **rest):
    return client.ask({"query": {"select": [expression], **rest}})


def test_functions(make_db, allowed):
    db = make_db(settings={"functions": allowed})
    with db.client() as client:
        assert value(client, ["fn.upper", {"value": "abc"}])["rows"] == [["ABC"]]
        reply = client.ask({"query": {
            "select": [["as_type", ["fn.lower", "name"], "text"]], "from": "users",
            "where": ["=", ["as_type", ["fn.lower", "name"], "text"], {"value": "bob"}]}})
        assert reply["rows"] == [["bob"]]
        error = value(client, ["fn.sqrt", 2])["error"]
        assert (error["code"], error["path"]) == ("forbidden", "/query/select/0/0")
        assert "functions" in error["hint"]
        for name in ("lower; drop table users", 'lo"wer'):
            error = value(client, ["fn." + name, {"value": "A"}])["error"]
            assert error["code"] == "unsupported_feature"
        assert value(client, ["fn.nope", 1])["error"]["code"] == "unknown_operator"
        schema = value(client, ["fn.pg_catalog.lower", {"value": "A"}])
        if db.kind == "postgresql":
            assert schema["rows"] == [["a"]]
            assert value(client, ["fn.sum", 1])["rows"] == [["1"]]
        else:
            assert schema["error"]["code"] == "unknown_operator"


def within(name, *fraction, of, **rest):
    return {"aggregate": ["fn." + name, *fraction], "within_group": [of], **rest}


def median(fraction=0.5, of="age", **rest):
    return within("percentile_cont", fraction, of=of, **rest)


def disc(*fraction, of="age"):
    return within("percentile_disc", *fraction, of=of)


# Of all users: what PostgreSQL answers, and as which type.
AGGREGATED = [
    (median(), 27.5, "double"),
    (median(":p"), 27.5, "double"),
    (median(0, of={"desc": "age", "nulls": "last"}), 61.0, "double"),
    (median(["array", 0, 1]), [17.0, 61.0], "array"),
    (median(filter=False), None, "double"),
    (median(of=["-", MOMENT, ["date_add", "day", "id", MOMENT]]), "P-4DT12H", "interval"),
    (disc(0.5), 25, "integer"),
    (disc(1, of="name"), "John", "varchar"),
    (disc(["array", 0, 1]), [17, 61], "array"),
    (within("mode", of="city"), "Tehran", "varchar"),
    (within("mode", of="is_active", filter=["=", "id", 1]), True, "boolean"),
    (within("rank", 30, of="age"), 4, "bigint"),
    (["+", within("rank", 30, of="age"), ["count", "*"]], 10, "bigint"),
    (["round", ["fn.regr_slope", "age", "id"]], 4, "double"),
    (["fn.bit_and", ["distinct", "age"]], "0", "opaque"),
    (["as_type", ["fn.bit_and", "age"], "bigint"], 0, "bigint"),
    ({"aggregate": ["fn.bit_and", "age"], "filter": ["=", "id", 1]}, "25", "opaque"),
]


def test_aggregates(make_db, allowed):
    db = make_db(settings={"functions": allowed})
    with db.client() as client:
        for expression, want, kind in AGGREGATED:
            reply = client.ask({"query": {"select": [{"x": expression}], "from": "users"},
                                "params": {"p": 0.5} if ":p" in str(expression) else {}})
            if db.kind == "postgresql":
                assert (reply["rows"], reply["types"]) == ([[want]], [kind]), expression
            elif "within_group" in expression:
                error = reply["error"]
                assert error["code"] == "unsupported_feature" and "row_number" in error["hint"]
                assert error["path"] == "/query/select/0/x/within_group"


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
@pytest.mark.parametrize("name", ["bit_and", "GROUP_CONCAT", "std"])
def test_mariadb_shows_no_row_beside_an_aggregate(make_db, name):
    db = make_db(settings={"functions": [name]})
    with db.client() as client:
        reply = client.ask({"query": {"select": ["name", ["fn." + name, "age"]],
                                      "from": "users"}})
        assert reply["error"]["code"] == "unsupported_feature"


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_aggregates_follow_the_rules_of_grouping(make_db, allowed):
    db = make_db(settings={"functions": allowed})
    with db.client() as client:
        def ask(*select, **rest):
            return client.ask({"query": {"select": list(select), "from": "users", **rest}})

        age = ["as_type", ["fn.bit_and", "age"], "bigint"]
        reply = ask("city", {"m": median()}, group_by=["city"], order_by=["city"],
                    having=[">", median(), 30])
        assert reply["rows"] == [["Shiraz", 61]]
        assert ask({"x": {"over": age[1], "partition_by": ["city"]}}, where=["=", "id", 1],
                   )["rows"] == [["25"]]
        for error, path in [
                (ask("name", {"m": median()}), "/query/select/0"),
                (ask("name", {"b": age}), "/query/select/0"),
                (ask("id", where=["=", age, 1]), "/query/where/1/1"),
                (ask("id", where=[">", median(), 1]), "/query/where/1/aggregate"),
                (ask({"x": ["max", median()]}), "/query/select/0/x/1/aggregate"),
                (ask({"x": median("id", of="id")}), "/query/select/0/x/aggregate/1"),
                (ask({"x": ["fn.mode"]}), "/query/select/0/x"),
                (ask({"x": {"aggregate": ["fn.bit_and", "age"], "within_group": ["id"]}}),
                 "/query/select/0/x/within_group/0")]:
            assert error["error"]["code"] == "bad_query", error
            assert error["error"]["path"] == path
        assert ask({"x": median(1.5)})["error"]["code"] == "out_of_range"
        for of in ("name", "is_active"):
            assert ask({"x": median(of=of)})["error"]["code"] == "type_mismatch"


def test_no_function_is_allowed_unless_the_conf_says_so(client):
    assert value(client, ["fn.lower", {"value": "A"}])["error"]["code"] == "forbidden"


OPERATORS = [
    ("postgresql", "@>", {"value": {"a": 1}, "type": "json"}, {"value": {"a": 1}}, True),
    ("postgresql", "<@", ["array", 1], ["array", 1, 2], True),
    ("postgresql", "&&", ["array", 1], ["array", 3, 2], False),
    ("postgresql", "?", {"value": {"a": 1}, "type": "json"}, {"value": "a"}, True),
    ("postgresql", "~", {"value": "abc"}, {"value": "^b"}, False),
    ("mariadb", "RLIKE", {"value": "abc"}, {"value": "^a"}, True),
    ("mariadb", "SOUNDS LIKE", {"value": "Robert"}, {"value": "Rupert"}, True),
    ("sqlite", "GLOB", {"value": "abc"}, {"value": "a*"}, True),
]


@pytest.mark.parametrize("kind, word, a, b, want", OPERATORS)
def test_operators(db, client, kind, word, a, b, want):
    reply = value(client, ["op", word, a, b])
    if db.kind == kind:
        assert reply["rows"] == [[want]] and reply["types"] == ["boolean"], reply
    else:
        assert reply["error"]["code"] == "unsupported_feature"


@pytest.mark.parametrize("word", ["; drop", "=", "", "OR"])
def test_other_operators_are_refused(client, word):
    error = value(client, ["op", word, 1, 1])["error"]
    assert (error["code"], error["path"]) == ("unsupported_feature", "/query/select/0/1")


ARRAYS = [
    (["array", 1, 2, 3], [1, 2, 3]),
    (["index", ["array", 1, 2, 3], 2], 2),
    (["index", ["array", 1, 2, 3], 9], None),
    (["slice", ["array", {"value": "a"}, {"value": "b'\"\\{}"}, {"value": "é"}], 2, 3],
     ["b'\"\\{}", "é"]),
    (["array", None, True], [None, True]),
]


@pytest.mark.parametrize("expression, want", ARRAYS)
def test_arrays(db, client, expression, want):
    reply = value(client, expression)
    if db.kind == "postgresql":
        assert reply["rows"] == [[want]], reply
    else:
        assert reply["error"]["code"] == "unsupported_feature"
        assert "json" in reply["error"]["hint"]


def split(*, columns=({"word": "text"},), **rest):
    return {"function": ["fn.regexp_split_to_table", {"value": "7 1 30"}, {"value": " "}],
            "columns": list(columns), **rest}


def test_functions_in_from(make_db):
    db = make_db(settings={"functions": ["regexp_split_to_table", "jsonb_each_text", "sum",
                                         "lower"]})
    with db.client() as client:
        def rows(form, *names):
            return client.ask({"query": {"select": list(names), "from": {"t": form}}})
        reply = rows(split(), "word")
        if db.kind != "postgresql":
            assert reply["error"]["code"] in ("unsupported_feature", "unknown_operator")
            error = rows({"function": ["fn.lower", {"value": "A"}]}, "t")["error"]
            assert (error["code"], error["path"]) == ("unsupported_feature",
                                                      "/query/from/t/function")
            return
        assert (reply["types"], reply["rows"]) == (["text"], [["7"], ["1"], ["30"]])
        numbers = rows(split(columns=[{"n": "integer"}]), ["sum", "n"])
        assert numbers["rows"] == [[38]]
        assert rows(split(columns=[{"n": "date"}]), "n")["error"]["code"] == "bad_value"
        pairs = rows({"function": ["fn.jsonb_each_text", ["json_object", {"value": "a"}, 5]],
                      "columns": [{"k": "text"}, {"v": "bigint"}]}, "k", "v")
        assert (pairs["types"], pairs["rows"]) == (["text", "bigint"], [["a", 5]])
        for form, code, path in (
                (split(ordinality=True), "unsupported_feature", "ordinality"),
                (split(columns=["word"]), "bad_query", "columns"),
                (split(columns=[{"a": "text"}, {"b": "text"}, {"b": "text"}]),
                 "duplicate_name", "columns/2"),
                ({"function": ["fn.sum", 1], "columns": [{"n": "bigint"}]}, "bad_query",
                 "function"),
                ({"function": ["fn.pg_ls_dir", {"value": "."}]}, "forbidden", "function/0")):
            error = rows(form, "t")["error"]
            assert (error["code"], error["path"]) == (code, "/query/from/t/" + path)


def test_functions_in_from_see_tables_before_them(make_db):
    db = make_db(settings={"functions": ["regexp_split_to_table"]})
    if db.kind != "postgresql":
        return
    with db.client() as client:
        reply = client.ask({"query": {
            "select": ["users.id", "part"], "from": "users", "where": ["=", "users.id", 2],
            "join": [{"cross": {"t": {
                "function": ["fn.regexp_split_to_table", "users.name", {"value": "l"}],
                "columns": [{"part": "text"}]}}, "lateral": True}], "order_by": ["part"]}})
        assert reply["rows"] == [[2, "A"], [2, "i"]]


JOINED = [
    (["||", ["array", 1, 2], ["array", 3]], [1, 2, 3]),
    (["||", ["array", 1], ["nullif", ["array", 2], ["array", 2]]], None),
    (["||", {"value": {"a": 1, "b": 2}, "type": "json"}, {"value": {"b": 3}, "type": "json"}],
     {"a": 1, "b": 3}),
    (["||", {"value": [1], "type": "json"}, {"value": [{"x": None}], "type": "json"}],
     [1, {"x": None}]),
]


@pytest.mark.parametrize("expression, joined", JOINED)
def test_joined_arrays_and_json(client, db, expression, joined):
    reply = value(client, expression)
    if db.kind != "postgresql":
        assert reply["error"]["code"] == "unsupported_feature"
        return
    assert reply["rows"] == [[joined]], reply


def test_what_does_not_join(client, db):
    error = value(client, ["||", {"value": {"a": 1}, "type": "json"}, ["lower", "name"]],
                  **{"from": "users"})["error"]
    assert error["code"] == ("type_mismatch" if db.kind == "postgresql" else
                             "unsupported_feature")
