# SPDX-License-Identifier: MIT
"""Raw SQL: params, columns, one statement, what it leaves behind, DDL."""
import pytest


@pytest.fixture
def c(fresh_db):
    with fresh_db.client() as client:
        yield client


def text(sql, **rest):
    return {"text": sql, **rest}


def query(client, sql, params=None, **rest):
    return client.query(sql, **({"params": params} if params is not None else {}), **rest)


def error(client, sql, params=None):
    request = {"query": sql, **({"params": params} if params is not None else {})}
    return client.fails(request)


# ---- params and columns ----

def test_params_are_bound(db, client):
    reply = client.ask({"id": 1, "query": text(
        "select name, age from users where age > :min and name <> :who order by age, name"),
        "params": {"min": 29, "who": "it's --"}})
    assert reply["columns"] == ["name", "age"]
    assert [r[1] for r in reply["rows"]] == sorted(r[1] for r in reply["rows"])
    assert all(r[1] > 29 for r in reply["rows"]) and reply["rowcount"] == len(reply["rows"]) > 0
    assert reply["types"][1] in ("integer", "bigint")


def test_one_param_may_stand_twice(client):
    assert query(client, text("select :a + :a as x"), {"a": 21}, expect="scalar")["value"] == 42


def test_colons_that_are_no_params(db, client):
    quoted = "`:b`" if db.kind == "mariadb" else '":b"'
    sql = f"select ':a' as x, 'it''s :c' as {quoted} -- :d\n /* :e */ where 1 = :one"
    reply = query(client, text(sql), {"one": 1})
    assert reply["columns"] == ["x", ":b"] and reply["rows"] == [[":a", "it's :c"]]


def test_double_colon_and_backslash(db, client):
    if db.kind == "postgresql":
        reply = query(client, text("select '7'::int4 + :n as x, (array[1,2,3])[2\\:3] as y, "
                                  "$q$ :no; $q$ as z, e'\\':no' as w"), {"n": 1})
        assert reply["rows"] == [[8, [2, 3], " :no; ", "':no"]]
        assert reply["types"] == ["integer", "array", "text", "text"]


def test_types_of_params_and_columns(db, client):
    reply = query(client, text("select :a as a, :b as b", types={"a": "numeric(10,2)", "b": "date"},
                              columns={"a": "numeric(10,2)", "b": "date"}),
                         {"a": 1.5, "b": "2024-02-29"})
    assert reply["types"] == ["numeric", "date"]
    assert float(reply["rows"][0][0]) == 1.5 and reply["rows"][0][1] == "2024-02-29"


def test_bad_typed_param_is_refused_before_the_database(client):
    fault = error(client, text("select :a as a", types={"a": "date"}), {"a": "2024-02-30"})
    assert fault["class"] in ("data", "compile") and fault["path"] == "/params/a"


def test_nulls_and_empty_results_have_columns(client):
    reply = query(client, text("select id, name from users where id < :n"), {"n": -5})
    assert reply["columns"] == ["id", "name"] and reply["rows"] == []
    assert query(client, text("select :a as a"), {"a": None})["rows"] == [[None]]


@pytest.mark.parametrize("form, key, want", [
    ("objects", "rows", [{"a": 1, "b": "x"}]), ("columns", "data", {"a": [1], "b": ["x"]})])
def test_other_forms(client, form, key, want):
    reply = query(client, text("select 1 as a, 'x' as b"), **{"as": form})
    assert reply[key] == want


def test_names_that_repeat(client):
    assert query(client, text("select 1 as a, 2 as a"))["rows"] == [[1, 2]]
    fault = client.ask({"query": text("select 1 as a, 2 as a"), "as": "objects"})["error"]
    assert fault["code"] == "duplicate_name"


def test_expect(client):
    def ask(sql, expect):
        return client.ask({"query": text(sql), "expect": expect})
    some = "select id from users where id <= 2 order by id"
    none = "select id from users where id < -1"
    assert ask(some, "scalar")["value"] == 1
    assert ask(some, "scalars")["values"] == [1, 2]
    assert ask(some, "first")["rows"] == [[1]]
    assert ask(some, "count")["value"] == 2
    assert ask(none, "count")["value"] == 0
    assert ask(some, "exists")["value"] is True
    assert ask(none, "exists")["value"] is False
    assert ask(some, "one")["error"]["code"] == "multiple_results"
    assert ask(none, "one")["error"]["code"] == "no_result"
    assert ask(none, "one_or_none")["rows"] == []


def test_stream(client):
    client.send({"id": 9, "query": text("select id from users order by id"),
                 "stream": {"chunk": 2}})
    head = client.recv()
    assert head["id"] == 9 and head["columns"] == ["id"]
    rows = []
    while True:
        line = client.recv()
        if "rows" not in line:
            break
        rows += line["rows"]
    assert line["done"] is True and line["rowcount"] == len(rows) > 2


def test_declared_columns_are_checked(client):
    one = "select id, name from users where id = 1"
    good = query(client, text(one, columns={"id": "bigint", "name": "text"}))
    assert good["types"] == ["bigint", "text"]
    for columns in ({"id": "bigint"}, {"id": "bigint", "nam": "text"}):
        fault = error(client, text(one, columns=columns))
        assert (fault["code"], fault["path"]) == ("bad_query", "/query/columns")


# ---- refusals ----

HOSTILE = [
    ("select 1; select 2", "bad_query"), ("select 1; drop table users", "bad_query"),
    ("", "bad_query"), ("  -- nothing", "bad_query"), (";", "bad_query"), ("1", "bad_query"),
    ("select 'a", "bad_query"), ("select /* 1", "bad_query"),
    ("begin", "unsupported_feature"), ("COMMIT", "unsupported_feature"),
    ("/* x */ rollback", "unsupported_feature"), ("set x = 1", "unsupported_feature"),
    ("pragma foreign_keys = off", "unsupported_feature"), ("use other", "unsupported_feature"),
    ("attach 'x' as y", "unsupported_feature"), ("lock tables users read", "unsupported_feature"),
    ("copy users to '/tmp/x'", "unsupported_feature"), ("listen x", "unsupported_feature"),
    ("prepare p as select 1", "unsupported_feature"), ("selec 1", "unsupported_feature"),
    ("select 1\0", "bad_query"),
]


@pytest.mark.parametrize("sql, code", HOSTILE)
def test_what_is_refused(client, sql, code):
    fault = error(client, text(sql))
    assert (fault["code"], fault["path"]) == (code, "/query/text"), fault


def test_one_statement_may_end_with_semicolons(client):
    assert query(client, text("select 1 as a ; ; -- done\n"))["rows"] == [[1]]


def test_params_must_fit(client):
    assert error(client, text("select :a"))["code"] == "missing_param"
    assert error(client, text("select 1"), {"a": 1})["code"] == "unused_param"
    assert error(client, text("select 1", types={"a": "integer"}))["code"] == "unused_param"
    assert error(client, text("select 1", other=1))["code"] == "unknown_key"


def test_placeholders_of_the_database(db, client):
    sql = {"postgresql": "select $1", "mariadb": "select ?", "sqlite": "select ?1"}[db.kind]
    assert error(client, text(sql))["code"] == "bad_query"


def test_executable_comments(db, client):
    if db.kind == "mariadb":
        assert error(client, text("select 1 /*!50000 , 2 */"))["code"] == "bad_query"


def test_values_never_become_sql(client):
    for value in ("x' or '1'='1", "\\", "';drop table users;--", "\u0000"[:0] + "é😀\"`"):
        assert query(client, text("select :v as v", types={"v": "text"}), {"v": value},
                            expect="scalar")["value"] == value


def test_the_database_says_what_is_wrong(client):
    fault = error(client, text("select nothing_like_it from users"))
    assert fault["class"] in ("compile", "internal", "data"), fault


def test_off_by_conf(make_db):
    with make_db(settings={"text": False}).client() as client:
        assert error(client, text("select 1"))["code"] == "forbidden"


# ---- writes ----

def test_a_write_has_a_rowcount(c):
    reply = c.ask({"id": 3, "query": text("update users set age = :a where id <= :n"),
                   "params": {"a": 50, "n": 2}})
    assert reply == {"id": 3, "rowcount": 2}
    assert c.ask({"query": text("insert into tags (name) values (:n)"),
                  "params": {"n": "t"}}) == {"rowcount": 1}
    assert c.ask({"query": text("delete from tags where name = 't'")}) == {"rowcount": 1}
    assert c.ask({"query": text("delete from tags where name = 't'")}) == {"rowcount": 0}


def test_returning(fresh_db, c):
    reply = query(c, text("insert into tags (name) values ('a'), ('b') returning name"))
    assert reply["rows"] == [["a"], ["b"]] and reply["rowcount"] == 2


def test_a_write_that_is_not_as_expected_is_undone(c):
    fault = c.ask({"query": text("insert into tags (name) values ('a'), ('b') returning name"),
                   "expect": "one"})["error"]
    assert fault["code"] == "multiple_results"
    assert query(c, text("select count(*) from tags where name in ('a', 'b')"),
                   expect="scalar")["value"] == 0
    fault = error(c, text("insert into tags (name) values ('a')", columns={"x": "text"}))
    assert fault["code"] == "bad_query"
    assert query(c, text("select count(*) from tags where name = 'a'"),
                   expect="scalar")["value"] == 0


def test_writes_take_effect_in_order(c):
    for i in range(20):
        c.send({"query": text("update accounts set balance = balance * 2 + :i where id = 1"),
                "params": {"i": i % 2}})
        c.send({"query": {"select": ["balance"], "from": "accounts", "where": ["=", "id", 1]},
                "expect": "scalar"})
    values = []
    for _ in range(20):
        assert c.recv()["rowcount"] == 1
        values.append(c.recv()["value"])
    for i, (a, b) in enumerate(zip(values, values[1:])):
        assert b == a * 2 + (i + 1) % 2


# ---- the schema ----

def test_ddl_is_seen_at_once(fresh_db, c):
    assert c.ask({"query": text("create table fresh (id integer primary key, note varchar(9))")}) \
        == {"rowcount": 0}
    assert c.ask({"query": {"insert": "fresh", "rows": [{"id": 1, "note": "x"}]}})["rowcount"] == 1
    c.ask({"query": text("alter table fresh add column more integer")})
    with fresh_db.client() as other:
        assert query(other, {"select": "*", "from": "fresh"})["columns"] == ["id", "note", "more"]
    c.ask({"query": text("drop table fresh")})
    assert error(c, {"select": "*", "from": "fresh"})["code"] == "unknown_table"


def test_a_trigger_has_a_body(fresh_db, c):
    if fresh_db.kind == "postgresql":
        return
    each = "for each row " if fresh_db.kind == "mariadb" else ""
    reply = c.ask({"query": text(
        f"create trigger tr after insert on tags {each}begin update accounts set balance = 0; "
        "update accounts set balance = balance + 1; end")})
    assert reply == {"rowcount": 0}, reply
    c.ask({"query": {"insert": "tags", "rows": [{"name": "z"}]}})
    assert set(query(c, {"select": ["balance"], "from": "accounts"}, expect="scalars")["values"]) \
        == {1}


# ---- nothing is left behind ----

LEAVES = {
    "postgresql": [("select set_config('search_path', 'nowhere', false)", "show search_path"),
                   ("create temp table users (x integer)", "select count(*) from users"),
                   ("select pg_advisory_lock(7)",
                    "select count(*) from pg_locks where locktype = 'advisory'")],
    "mariadb": [("select @v := 7", "select @v is null"),
                ("create temporary table users (x integer)", "select count(*) from users"),
                ("select get_lock('l', 0)", "select is_free_lock('l')")],
    "sqlite": [("create temp table users (x integer)", "select count(*) from users")],
}


def test_sessions_are_clean_afterwards(fresh_db, c):
    for leaves, look in LEAVES[fresh_db.kind]:
        before = query(c, text(look))["rows"]
        assert "error" not in c.ask({"query": text(leaves)})
        assert query(c, text(look))["rows"] == before, leaves


def test_compile_shows_the_text(db, client):
    reply = client.ask({"op": "compile", "query": text("select :a as x, ':a'"),
                        "params": {"a": 1}})
    mark = "$1" if db.kind == "postgresql" else "?"
    assert reply["sql"] == f"select {mark} as x, ':a'"
    assert reply["binds"] == [{"param": "a", "type": "integer"}]


def test_prepare_and_run(client):
    assert client.ask({"op": "prepare", "name": "t", "query": text("select :a as x",
                       types={"a": "integer"})})["ok"] is True
    for n in (1, 2):
        assert client.ask({"run": "t", "params": {"a": n}, "expect": "scalar"})["value"] == n
