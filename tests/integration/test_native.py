# SPDX-License-Identifier: MIT
"""What a database has beyond the language: functions that the conf allows, operators of
a fixed list, PostgreSQL's arrays."""
import pytest


@pytest.fixture(scope="module")
def allowed():
    return ["lower", "upper", "pg_catalog.lower", "clock_timestamp", "nope", "sum",
            "lower; drop table users", 'lo"wer']


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
            assert value(client, ["fn.sum", 1])["error"]["code"] == "unsupported_feature"
        else:
            assert schema["error"]["code"] == "unknown_operator"


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
