# SPDX-License-Identifier: MIT
"""Nothing that a client sends as data or as a name becomes SQL. Each test is named
after the failure of other programs that it guards against."""
import pytest

TEXTS = [
    "'", "''", "\\", "\\'", "'; DROP TABLE users; --", "x' OR '1'='1", '" OR ""="', "`",
    "` OR 1=1 -- ", "$1", "?", ":p", "%", "_", "!", "--", "/*", "*/", "# ", ";", "\n", "\r\n",
    "\t", "\u001a", "\x7f", "é", "😀", "İ", "ß", "\u2019", "\u02bc", "\uff07", "\uffff",
    "縗\\", "¿'", "\\x27", "\\u0027", "{}", "${x}", "NULL", "1e309", "0x27", "\\Z", "\\0", "\u00bf'",
    "a" * 5000 + "'",
]

NAMES = [
    "'", '"', '""', "`", "``", "\\", "a b", "a.b", "a;b", "a--b", "a/*b", "select", "1",
    'x"; DROP TABLE users; --', "x`; DROP TABLE users; -- ", "x'; DROP TABLE users; -- ", "$1",
    "?", "é", "😀", "*", "\n", "%s", "{}", "c1", "t1", "q", "a" * 200,
]


@pytest.fixture(autouse=True)
def users_are_still_there(client):
    """Whatever a test sends, the table is as it was."""
    before = client.ask({"query": {"select": "*", "from": "users", "order_by": ["id"]}})
    assert before["rowcount"] == 6
    yield
    after = client.ask({"query": {"select": "*", "from": "users", "order_by": ["id"]}})
    assert after == before


def refused(reply):
    """An error of the compiler: the database was not asked."""
    assert reply["error"]["class"] in ("protocol", "compile", "unsupported"), reply
    assert "sqlstate" not in reply["error"], reply


# ---- 28: JSON paths and casts ----

@pytest.mark.parametrize("key", NAMES)
def test_28_a_key_of_a_json_path_is_data(client, key):
    doc = {"value": {key: {"deep": "found"}, "other": 1}, "type": "json"}
    for path in ([key, "deep"], ":path"):
        request = {"query": {"select": [{"x": ["->>", doc, path]}]}}
        if path == ":path":
            request["params"] = {"path": [key, "deep"]}
        reply = client.ask(request)
        if "error" in reply:
            assert reply["error"]["code"] == "unsupported_feature", reply
        else:
            assert reply["rows"] == [["found"]], reply


@pytest.mark.parametrize("name", NAMES + ["integer)", "integer); --", "text COLLATE x", "int[]"])
def test_28_a_type_is_never_text_of_the_client(client, name):
    for e in (["cast", "id", name], {"value": 1, "type": name}):
        reply = client.ask({"query": {"select": [{"x": e}], "from": "users"}})
        assert reply["error"]["code"] == "unknown_type", reply


# ---- 29: aliases, order, groups, limits ----

@pytest.mark.parametrize("name", NAMES)
def test_29_an_alias_is_never_an_identifier(client, name):
    reply = client.ask({"query": {"select": [{name: "name"}], "from": "users",
                                  "order_by": [{"desc": {"name": [name]}}], "limit": 1}})
    assert reply["columns"] == [name] and reply["rowcount"] == 1, reply


@pytest.mark.parametrize("name", NAMES)
def test_29_aliases_of_tables_and_queries(client, name):
    column = {"name": [name, "id"]}
    inner = {"select": [{"id": "id"}, {name + "_": "age"}], "from": "users"}
    for table in ("users", inner, {"values": [[1], [2]], "columns": ["id"]}):
        reply = client.ask({"query": {"select": [{"n": ["count", column]}], "from": {name: table},
                                      "where": [">", column, 0]}, "expect": "scalar"})
        assert reply.get("value") in (2, 6), reply


@pytest.mark.parametrize("name", NAMES)
def test_29_columns_of_values_and_functions(client, name):
    for table in ({"values": [[1], [2]], "columns": [name]},
                  {"function": ["generate_series", 1, 2], "columns": [{name: "bigint"}]}):
        reply = client.ask({"query": {"select": [{"x": {"name": ["v", name]}}],
                                      "from": {"v": table},
                                      "order_by": [{"name": ["v", name]}]}})
        assert reply["rows"] == [[1], [2]], reply


@pytest.mark.parametrize("name", ['x"; DROP TABLE users; --', "a.b"])
def test_29_an_unknown_name_is_an_error_in_every_clause(client, name):
    """Few of them: each lets the daemon look whether the schema has changed."""
    bad = {"name": [name]}
    base = {"select": ["id"], "from": "users"}
    for more in ({"where": ["=", bad, 1]}, {"order_by": [bad]}, {"order_by": [{"desc": bad}]},
                 {"group_by": [bad]}, {"having": ["=", bad, 1]},
                 {"join": [{"inner": "orders", "using": [bad]}]}):
        reply = client.ask({"query": {**base, **more}})
        assert reply["error"]["code"] == "unknown_column", (more, reply)


def test_29_an_unknown_table_is_an_error(client):
    bad = {"name": ['users"; DROP TABLE users; --']}
    for more in ({"from": bad}, {"join": [{"inner": bad, "on": True}]}):
        reply = client.ask({"query": {"select": ["id"], "from": "users", **more}})
        assert reply["error"]["code"] == "unknown_table", (more, reply)


@pytest.mark.parametrize("text", TEXTS)
def test_29_a_limit_is_a_number(client, text):
    for key in ("limit", "offset"):
        reply = client.ask({"query": {"select": ["id"], "from": "users", key: ":n"},
                            "params": {"n": text}})
        assert reply["error"]["code"] in ("bad_value", "type_mismatch"), reply
        refused(client.ask({"query": {"select": ["id"], "from": "users", key: text}}))


@pytest.mark.parametrize("word", NAMES + ["desc; --", "first, 1"])
def test_29_keywords_are_of_fixed_sets(client, word):
    base = {"select": ["id"], "from": "users"}
    for more in ({"order_by": [{"asc": "id", "nulls": word}]}, {"for": {word: True}},
                 {"for": {"update": word}}, {word: True}, {"join": [{word: "orders"}]}):
        reply = client.ask({"query": {**base, **more}})
        refused(reply)


# ---- 30: an object where a value is expected ----

@pytest.mark.parametrize("value", [{"x": 1}, {"$ne": 1}, {"toString": "x"}, [1], [[1]], {}, []])
def test_30_an_object_is_no_value(client, value):
    for column in ("id", "name", "age", "is_active", "created_at", "salary"):
        for op in ("=", "!=", "<", "is"):
            reply = client.ask({"query": {"select": ["id"], "from": "users",
                                          "where": [op, column, ":p"]}, "params": {"p": value}})
            assert reply["error"]["code"] == "type_mismatch", reply
        reply = client.ask({"query": {"update": "users", "data": {column: value}, "where": True}})
        assert reply["error"]["code"] == "type_mismatch", reply
        reply = client.ask({"query": {"insert": "users", "rows": [{column: value}]}})
        assert reply["error"]["code"] == "type_mismatch", reply


# ---- 31: comments ----

def test_31_a_minus_before_a_negative_number_is_no_comment(client):
    for p in (-1, -2147483648, -9007199254740993):
        reply = client.ask({"query": {"select": [["-", 5, ":p"], ["-", ":p"], ["-", ["-", ":p"]],
                                                 ["+", ["-", 5, p], 1]]}, "params": {"p": p}})
        assert reply["rows"] == [[5 - p, -p, p, 6 - p]], reply
    reply = client.ask({"query": {"select": [["-", 1, ["-", ["-", 2]]]]}})
    assert reply["rows"] == [[-1]], reply


# ---- 32: escaping ----

def round_trips(client, text):
    reply = client.ask({"query": {"select": [{"x": ":p"}, {"y": {"value": text}},
                                             {"z": ["||", ":p", {"value": text}]},
                                             {"n": ["length", ":p"]}]}, "params": {"p": text}})
    if "\0" in text:
        assert reply["error"]["code"] == "bad_value", reply
    else:
        assert reply["rows"] == [[text, text, text + text, len(text)]], reply
        reply = client.ask({"query": {"select": [["count", "*"]], "from": "users", "where": [
            "or", ["=", "name", ":p"], ["in", "name", [{"value": text}, ":p"]],
            ["startswith", "name", ":p"], ["contains", "bio", ":p"]]}, "params": {"p": text * 2},
            "expect": "scalar"})
        assert reply["value"] == 0, reply


@pytest.mark.parametrize("text", TEXTS + ["a\0b"])
def test_32_a_value_stays_what_it_is(client, text):
    round_trips(client, text)


@pytest.mark.parametrize("mode", ["NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", ""])
def test_32_escaping_does_not_depend_on_a_mode(server, make_db, mode):
    """Set before the daemon connects; its own sessions say what they need."""
    if server.name == "mariadb":
        old = server.sql("SELECT @@GLOBAL.sql_mode", "mysql").strip()
        server.sql(f"SET GLOBAL sql_mode = '{mode}'", "mysql")
    try:
        db = make_db()
        if server.name == "postgresql":
            server.sql(f'ALTER DATABASE "{db.name}" SET standard_conforming_strings = off; '
                       f'ALTER DATABASE "{db.name}" SET backslash_quote = on', "postgres")
            db.daemon.stop()
            db.daemon.start()
        with db.client() as client:
            for text in TEXTS:
                round_trips(client, text)
            key = client.ask({"query": {"insert": "roles", "rows": [{"name": t[:50]}
                                                                    for t in TEXTS]}})
            assert key["rowcount"] == len(TEXTS), key
            reply = client.ask({"query": {"select": ["name"], "from": "roles",
                                          "where": [">", "id", 2], "order_by": ["id"]}})
            assert [r[0] for r in reply["rows"]] == [t[:50] for t in TEXTS]
    finally:
        if server.name == "mariadb":
            server.sql(f"SET GLOBAL sql_mode = '{old}'", "mysql")


# ---- 33: names that SQLite takes for texts ----

def test_33_an_unknown_column_is_no_text(client, db):
    reply = client.ask({"query": {"select": ["id"], "from": "users",
                                  "where": ["=", "secret", {"value": "secret"}]}})
    assert reply["error"]["code"] == "unknown_column", reply
    if db.kind == "mariadb":
        return  # there "…" is a text by its own definition
    reply = client.ask({"query": {"text": "select id from users where \"secret\" = 'secret'"}})
    assert reply["error"]["code"] == "unknown_column", reply


# ---- 34: one request, one statement ----

@pytest.mark.parametrize("text", [
    "select 1; select 2", "select 1; delete from users", "select 1;; delete from users",
    "select 1;/**/delete from users", "select 1;-- x\ndelete from users"])
def test_34_a_request_is_one_statement(client, text):
    reply = client.ask({"query": {"text": text}})
    assert reply["error"]["code"] == "bad_query", reply


def test_34_a_value_is_no_statement(client):
    for text in ("1; DELETE FROM users", "'; DELETE FROM users; --"):
        reply = client.ask({"query": {"select": ["id"], "from": "users",
                                      "where": ["=", "name", ":p"]}, "params": {"p": text}})
        assert reply["rows"] == [], reply
        reply = client.ask({"query": {"text": "select name from users where name = :p",
                                      "types": {"p": "text"}}, "params": {"p": text}})
        assert reply.get("rows") == [], reply
