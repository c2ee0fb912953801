# SPDX-License-Identifier: MIT
"""What is kept is what the database would say: whatever odd way a write takes to a row.

Each case has tables of its own, questions and writes. After every write each question is
asked of the cache and of the database, and both must say the same.
"""
import pytest
from client import Client
from conftest import KINDS
from daemon import Daemon

ALL = tuple(KINDS)
PG, MARIA, SQLITE = ("postgresql",), ("mariadb",), ("sqlite",)


def rows(table, where=True, columns=("*",)):
    return {"select": list(columns), "from": table,
            **({} if where is True else {"where": where})}


def is_(column, value):
    return ["=", column, {"value": value}]


def text(sql):
    return {"text": sql}


def update(table, where, **values):
    return {"update": table, "set": {k: {"value": v} for k, v in values.items()}, "where": where}


def insert(table, *many):
    return {"insert": table, "rows": list(many)}


def in_tx(*queries, end="commit"):
    return [{"op": "begin", "tx": 1}, *({"tx": 1, "query": q} for q in queries),
            {"op": end, "tx": 1}]


class Case:
    """`writes`: queries, or lists of whole requests. `may_fail`: what the database refuses is
    no fault of the case, and changes nothing either."""

    def __init__(self, kinds, setup, questions, writes, may_fail=False, schemas=None):
        self.kinds, self.setup, self.questions = kinds, setup, questions
        self.writes, self.may_fail, self.schemas = writes, may_fail, schemas or {}


T = "create table t (id integer not null primary key, k varchar(20) unique, n bigint unique, v bigint);"
ROWS = "insert into t values (1, 'a', 10, 100), (2, 'b', 20, 200), (3, null, null, 300);"
BY_KEYS = [rows("t", is_("id", 1)), rows("t", is_("id", 2)), rows("t", is_("k", "a")),
           rows("t", is_("k", "b")), rows("t", is_("n", 10)), rows("t", is_("n", 20)),
           rows("t", is_("id", 7)), rows("t", is_("k", "c")), rows("t", is_("n", 30)),
           rows("t", ["is", "k", None]), rows("t", True, [["count", "*"], ["sum", "v"]])]

CASES = {
    "keys that change": Case(ALL, T + ROWS, BY_KEYS, [
        update("t", is_("id", 1), k="c"), update("t", is_("k", "c"), n=30),
        update("t", is_("n", 30), id=7), update("t", is_("id", 7), id=1, k="a", n=10),
        update("t", is_("k", "b"), k=None), update("t", is_("id", 2), k="b"),
        update("t", is_("id", 3), k="c", n=30)]),
    "keys that change places": Case(ALL, T + ROWS, BY_KEYS, [
        in_tx(update("t", is_("id", 1), k="x"), update("t", is_("id", 2), k="a"),
              update("t", is_("k", "x"), k="b")),
        {"update": "t", "set": {"id": ["+", "id", 10]}, "where": True},
        {"update": "t", "set": {"id": ["-", "id", 10]}, "where": [">", "id", 5]}]),
    "rows that come and go": Case(ALL, T + ROWS, BY_KEYS, [
        insert("t", {"id": 7, "k": "c", "n": 30, "v": 1}), {"delete": "t", "where": is_("k", "c")},
        insert("t", {"id": 8, "k": "c"}, {"id": 9, "n": 30}), {"delete": "t", "where": is_("id", 8)},
        {"delete": "t", "where": ["is", "k", None]}, {"delete": "t", "where": True},
        insert("t", {"id": 1, "v": 5})]),
    "upserts": Case(ALL, T + ROWS, BY_KEYS, [
        {**insert("t", {"id": 1, "k": "z", "v": 1}), "conflict": {
            "on": ["id"], "do": "update", "set": {"k": "new.k", "v": "new.v"}}},
        {**insert("t", {"id": 50, "k": "b", "v": 2}), "conflict": {
            "on": ["k"], "do": "update", "set": {"v": "new.v", "n": {"value": 30}}}},
        {**insert("t", {"id": 7, "k": "b", "v": 2}), "conflict": {"on": ["k"], "do": "nothing"}},
        {**insert("t", {"id": 7, "k": "c", "v": 2}), "conflict": {"do": "nothing"}}],
        may_fail=True),
    "keys in other types": Case(ALL, T + ROWS, [
        rows("t", ["=", "id", 1.0]), rows("t", ["=", "id", {"value": 1, "type": "numeric"}]),
        rows("t", ["=", ["+", "id", 0], 1]), rows("t", ["=", 1, "id"]),
        rows("t", ["=", "id", ["-", 2, 1]]), rows("t", is_("id", 1)), rows("t", is_("n", 10.0))], [
            update("t", is_("id", 1), v=1), update("t", ["=", "id", 1.0], v=2),
            update("t", ["=", 1, "id"], v=3), update("t", ["=", "n", 10], v=4)], may_fail=True),
    "the ends of 64 bits": Case(
        ALL, T + f"insert into t values (1, 'a', {2**63 - 1}, 1), (2, 'b', {-2**63 + 1}, 1);"
        f"insert into t values (3, 'c', {2**53 + 1}, 1), (4, 'd', {2**53}, 1);",
        [rows("t", is_("n", n)) for n in (2**63 - 1, -2**63 + 1, 2**53, 2**53 + 1)], [
            update("t", is_("n", n), v=i) for i, n in enumerate(
                (2**63 - 1, -2**63 + 1, 2**53, 2**53 + 1), 5)]),
    "foreign keys": Case(
        ALL, "create table p (id integer not null primary key, k integer not null unique);"
        "create table c (id integer not null primary key, p integer, "
        "foreign key (p) references p (id) on delete cascade on update cascade);"
        "create table n (id integer not null primary key, c integer unique, "
        "foreign key (c) references c (id) on delete set null on update cascade);"
        "insert into p values (1, 1), (2, 2); insert into c values (1, 1), (2, 2);"
        "insert into n values (1, 1), (2, 2);",
        [rows("p", is_("id", 1)), rows("c", is_("id", 1)), rows("c", is_("id", 2)), rows("c"),
         rows("n", is_("id", 1)), rows("n", is_("c", 1)), rows("n", True, [["count", "c"]])], [
             update("p", is_("id", 1), id=5), update("p", is_("k", 1), id=1),
             {"delete": "p", "where": is_("id", 2)}, update("c", is_("id", 1), id=9),
             {"delete": "p", "where": is_("k", 1)}, insert("p", {"id": 3, "k": 3})]),
    "a row that refers to itself": Case(
        ALL, "create table e (id integer not null primary key, boss integer, "
        "foreign key (boss) references e (id) on delete cascade);"
        "insert into e values (1, null), (2, 1), (3, 2), (4, 3);",
        [rows("e", is_("id", i)) for i in range(1, 5)] + [rows("e", True, [["count", "*"]])],
        [{"delete": "e", "where": is_("id", 3)}, {"delete": "e", "where": is_("id", 1)}]),
    "triggers": Case(
        ALL, T + ROWS + "create table log (id integer not null primary key, v bigint);"
        "insert into log values (1, 0);",
        BY_KEYS + [rows("log", is_("id", 1)), rows("log")],
        [update("t", is_("id", 1), v=5), insert("t", {"id": 7, "v": 6}),
         {"delete": "t", "where": is_("id", 7)}],
        schemas={
            "postgresql": "create function f() returns trigger language plpgsql as $$ begin "
            "update log set v = v + 1; return null; end $$; create trigger tr after insert or "
            "update or delete on t for each row execute function f();",
            "mariadb": "create trigger ti after insert on t for each row update log set v = v + 1;"
            "create trigger tu after update on t for each row update log set v = v + 1;"
            "create trigger td after delete on t for each row update log set v = v + 1;",
            "sqlite": "create trigger ti after insert on t begin update log set v = v + 1; end;"
            "create trigger tu after update on t begin update log set v = v + 1; end;"
            "create trigger td after delete on t begin update log set v = v + 1; end;"}),
    "views": Case(ALL, T + ROWS + "create view w as select id, v from t;",
                  [rows("w"), rows("w", is_("id", 1)), *BY_KEYS],
                  [update("t", is_("id", 1), v=5), text("update w set v = 6 where id = 1"),
                   insert("t", {"id": 7})], may_fail=True),
    "joins, subqueries, unions and with": Case(
        ALL, T + ROWS + "create table u (id integer not null primary key, t integer);"
        "insert into u values (1, 1), (2, 2);",
        [{"select": ["t.v", "u.id"], "from": "t", "join": [{"inner": "u", "on": [
            "=", "u.t", "t.id"]}]},
         {"select": ["id"], "from": "t", "where": ["exists", {
             "select": [1], "from": "u", "where": ["=", "u.t", "t.id"]}]},
         {"select": [{"n": {"select": [["count", "*"]], "from": "u"}}], "from": "t",
          "where": is_("id", 1)},
         {"select": ["id"], "from": "t", "where": ["in", "id", {"select": ["t"], "from": "u"}]},
         {"union": [{"select": ["id"], "from": "t"}, {"select": ["t"], "from": "u"}]},
         {"with": {"x": {"select": ["id"], "from": "u"}}, "select": ["id"], "from": "x"}],
        [update("u", is_("id", 1), t=2), {"delete": "u", "where": is_("id", 1)},
         insert("u", {"id": 5, "t": 1}), update("t", is_("id", 1), v=9),
         {"update": "t", "set": {"v": {"select": [["max", "id"]], "from": "u"}}, "where": True}]),
    "the schema": Case(ALL, T + ROWS, [rows("t", is_("id", 1)), rows("t", True, [["sum", "v"]])], [
        text("alter table t add column extra integer default 5"),
        text("alter table t rename to t2"),
        text("create table t (id integer not null primary key, v bigint)"),
        text("insert into t (id, v) values (1, 77)"), text("drop table t"),
        text("alter table t2 rename to t")]),
    "truncate": Case(("postgresql", "mariadb"), T + ROWS, BY_KEYS, [
        text("truncate table t"), insert("t", {"id": 1, "v": 4}), text("truncate t")]),
    "truncate that cascades": Case(
        PG, T + ROWS + "create table u (id integer primary key, t integer references t);"
        "insert into u values (1, 1);", [rows("u"), rows("u", is_("id", 1)), *BY_KEYS],
        [text("truncate t cascade")]),
    "raw text of odd looks": Case(ALL, T + ROWS, BY_KEYS, [
        text("  /* a */ UPDATE t SET v = 1 WHERE id = 1"),
        text("-- a comment\nupdate t set v = 2 where id = 1"),
        text("delete from t where id = 2")]),
    "raw text that writes below": Case(PG, T + ROWS, BY_KEYS, [
        text("with x as (update t set v = 9 where id = 1 returning id) select * from x"),
        text("with x as (delete from t where id = 2 returning *) select count(*) from x"),
        text("merge into t using (values (1)) s (i) on t.id = s.i when matched then update "
             "set v = 12"),
        text("do $$ begin update t set v = 10 where id = 1; end $$"),
        text("select f()"), text("explain analyze update t set v = 13 where id = 1")], schemas={
            "postgresql": "create function f() returns integer language sql as "
            "'update t set v = 11 where id = 1; select 1';"}),
    "replace": Case(("mariadb", "sqlite"), T + ROWS, BY_KEYS, [
        text("replace into t (id, k, n, v) values (1, 'b', 30, 5)"),
        text("replace into t (id, k, v) values (7, 'c', 5)")]),
    "procedures": Case(MARIA, T + ROWS, BY_KEYS, [text("call f()")], may_fail=True, schemas={
        "mariadb": "create procedure f() update t set v = 9 where id = 1;"}),
    "functions that write": Case(PG, T + ROWS, BY_KEYS, [
        {"select": [{"x": ["fn.f", 1]}]},
        text("select f(2)")], may_fail=True, schemas={
            "postgresql": "create function f(i integer) returns integer language sql as "
            "'update t set v = v + 1 where id = i; select 1';"}),
    "a function that reads": Case(PG, T + ROWS, [
        {"select": [{"x": ["fn.f", 1]}]}, text("select f(1)")], [
            update("t", is_("id", 1), v=8)], may_fail=True, schemas={
                "postgresql": "create function f(i integer) returns bigint language sql stable as "
                "'select v from t where id = i';"}),
    "inheritance": Case(PG, "create table base (id integer primary key, v bigint);"
                        "create table child () inherits (base);"
                        "insert into base values (1, 1); insert into child values (2, 2);",
                        [rows("base"), rows("base", is_("id", 1)), rows("base", is_("id", 2)),
                         rows("child"), rows("base", True, [["sum", "v"]])],
                        [update("child", is_("id", 2), v=5), update("base", is_("id", 2), v=6),
                         insert("child", {"id": 3, "v": 1}), {"delete": "base", "where": True}]),
    "partitions": Case(PG, "create table whole (id integer primary key, v bigint) partition by "
                       "range (id); create table low partition of whole for values from (0) to "
                       "(10); create table high partition of whole for values from (10) to (20);"
                       "insert into whole values (1, 1), (11, 11);",
                       [rows("whole"), rows("whole", is_("id", 1)), rows("low"),
                        rows("low", is_("id", 1)), rows("high"), rows("high", is_("id", 12))],
                       [update("low", is_("id", 1), v=5), update("whole", is_("id", 1), v=6),
                        update("whole", is_("id", 1), id=12), insert("high", {"id": 13, "v": 1}),
                        {"delete": "whole", "where": is_("id", 13)},
                        text("alter table whole detach partition high")]),
    "rules": Case(PG, T + ROWS + "create table u (id integer primary key, v bigint);"
                  "insert into u values (1, 1);"
                  "create rule r as on update to t do also update u set v = new.v;"
                  "create rule i as on insert to t do instead update u set v = 42;",
                  [rows("u"), rows("u", is_("id", 1)), *BY_KEYS],
                  [update("t", is_("id", 1), v=8), insert("t", {"id": 9, "v": 9}),
                   [{"query": insert("t", {"id": 9, "v": 9}), "keys": False}]], may_fail=True),
    "generated columns": Case(ALL, "create table g (id integer not null primary key, a integer, "
                              "b integer generated always as (a * 2) stored unique);"
                              "insert into g (id, a) values (1, 1), (2, 2);",
                              [rows("g", is_("b", 2)), rows("g", is_("b", 4)),
                               rows("g", is_("b", 6)), rows("g", is_("id", 1))],
                              [update("g", is_("id", 1), a=3), update("g", is_("b", 4), a=1),
                               {"delete": "g", "where": is_("id", 1)}]),
    "padded keys": Case(PG, "create table c (id char(6) primary key, v bigint);"
                        "insert into c values ('a', 1);",
                        [rows("c", is_("id", i)) for i in ("a", "a ", "a     ")],
                        [update("c", is_("id", i), v=n) for n, i in enumerate(("a", "a  "), 5)]),
    "keys without case": Case(
        MARIA, "create table c (id varchar(20) character set utf8mb4 collate "
        "utf8mb4_general_ci primary key, v bigint); insert into c values ('Straße é', 1);",
        [rows("c", is_("id", i)) for i in ("Straße é", "STRAßE E", "strase e", "Straße é  ")],
        [update("c", is_("id", i), v=n) for n, i in enumerate(
            ("Straße é", "STRASE E", "straße é "), 5)]),
    "keys without case in SQLite": Case(
        SQLITE, "create table c (id text collate nocase primary key, v bigint);"
        "insert into c values ('Abc', 1);",
        [rows("c", is_("id", i)) for i in ("Abc", "abc", "ABC")],
        [update("c", is_("id", i), v=n) for n, i in enumerate(("abc", "ABC", "Abc"), 5)]),
    "keys of any type in SQLite": Case(
        SQLITE, "create table c (id text primary key, n numeric unique, v bigint);"
        "insert into c values ('1', '1.0', 1);",
        [rows("c", is_("id", "1")), rows("c", ["=", "n", 1]), rows("c", ["=", "n", 1.0])],
        [update("c", is_("id", "1"), v=5), update("c", ["=", "n", 1], v=6),
         update("c", ["=", "n", 1.0], v=7)], may_fail=True),
    "keys by Unicode's equality": Case(
        PG, "create collation loose (provider = icu, locale = 'und-u-ks-level1', "
        "deterministic = false); create table c (id text collate loose primary key, v bigint);"
        "insert into c values ('é', 1);",
        [rows("c", is_("id", i)) for i in ("é", "e\u0301", "E", "e")],
        [update("c", is_("id", i), v=n) for n, i in enumerate(("e", "É", "e\u0301"), 5)]),
    "normal forms are other keys": Case(
        ("postgresql", "sqlite"), T + "insert into t values (1, 'é', 1, 1), (2, 'e\u0301', 2, 2);",
        [rows("t", is_("k", "é")), rows("t", is_("k", "e\u0301"))],
        [update("t", is_("k", "é"), v=5), update("t", is_("k", "e\u0301"), v=6)], may_fail=True),
    "zeros with a sign": Case(
        ALL, "create table z (id double precision primary key, v bigint);"
        "insert into z values (0.0, 1);",
        [rows("z", ["=", "id", {"value": 0.0}]), rows("z", ["=", "id", {"value": -0.0}])],
        [update("z", ["=", "id", {"value": -0.0}], v=5),
         update("z", ["=", "id", {"value": 0.0}], v=6)]),
    "decimals and dates as keys": Case(
        ALL, "create table d (id decimal(10,2) primary key, day date unique, v bigint);"
        "insert into d values (1.50, '2026-01-02', 1);",
        [rows("d", ["=", "id", {"value": "1.5", "type": "numeric"}]),
         rows("d", ["=", "id", {"value": "1.50", "type": "numeric"}]),
         rows("d", ["=", "day", {"value": "2026-01-02", "type": "date"}])],
        [update("d", ["=", "id", {"value": "1.500", "type": "numeric"}], v=5),
         update("d", ["=", "day", {"value": "2026-01-02", "type": "date"}], v=6)], may_fail=True),
    "uuids as keys": Case(
        PG, "create table d (id uuid primary key, v bigint);"
        "insert into d values ('0123456789abcdef0123456789abcdef', 1);",
        [rows("d", is_("id", i)) for i in (
            "01234567-89ab-cdef-0123-456789abcdef", "01234567-89AB-CDEF-0123-456789ABCDEF")],
        [update("d", is_("id", "01234567-89AB-CDEF-0123-456789ABCDEF"), v=5),
         update("d", is_("id", "01234567-89ab-cdef-0123-456789abcdef"), v=6)], may_fail=True),
    "what is written and taken back": Case(ALL, T + ROWS, BY_KEYS, [
        in_tx(update("t", is_("id", 1), v=-1), {"delete": "t", "where": True}, end="rollback"),
        in_tx(update("t", is_("id", 1), v=-1, k="c"), insert("t", {"id": 1})),
        [{"op": "batch", "steps": [{"query": update("t", is_("id", 1), v=-1)},
                                   {"query": insert("t", {"id": 1})}]}],
        insert("t", {"id": 8}, {"id": 1}), update("t", True, id=1)], may_fail=True),
    "copies between tables": Case(
        ALL, T + ROWS + "create table u (id integer not null primary key, v bigint);",
        [rows("u"), rows("u", is_("id", 1)), rows("u", True, [["sum", "v"]])],
        [{"insert": "u", "columns": ["id", "v"], "from_query": rows("t", True, ["id", "v"])},
         {"update": "u", "set": {"v": "t.v"}, "from": "t", "where": ["=", "t.id", "u.id"]},
         {"delete": "u", "using": "t", "where": ["=", "t.id", "u.id"]}], may_fail=True),
}


def all_cases():
    return [pytest.param(kind, name, id=f"{name}, {kind}") for name, case in CASES.items()
            for kind in case.kinds]


class Setup:
    """A database server with a database for each case, and a daemon before them all."""

    def __init__(self, server):
        self.server, databases = server, {}
        self.names = {}
        for name, case in CASES.items():
            if server.name in case.kinds:
                self.names[name] = database = f"truth_{len(databases)}"
                server.create(database)
                server.load(case.setup + case.schemas.get(server.name, ""), database)
                databases[database] = {"url": server.url(database), "functions": ["f"],
                                       "pool": {"size": 2}}
        self.daemon = Daemon(databases, conf={"default_database": "truth_0"})

    def client(self, name):
        c = Client(("127.0.0.1", self.daemon.port))
        assert "error" not in c.ask({"op": "hello", "version": 1, "db": self.names[name]})
        return c

    def close(self):
        try:
            self.daemon.stop()
        finally:
            self.daemon.kill()
            for database in self.names.values():
                self.server.drop(database)


@pytest.fixture(scope="module")
def setups(request):
    """setups(kind)"""
    made = {}

    def one(kind):
        if kind not in made:
            made[kind] = Setup(request.getfixturevalue(kind))
        return made[kind]
    yield one
    for each in made.values():
        each.close()


def say(reply):
    """What a reply says, without how it came about."""
    reply = {k: v for k, v in reply.items() if k != "cache"}
    if "error" in reply:
        return reply["error"]["code"]
    return {**reply, "rows": sorted(map(repr, reply.get("rows", [])))}


@pytest.mark.parametrize("kind, name", all_cases())
def test_the_cache_says_what_the_database_says(setups, kind, name):
    case, wrong = CASES[name], []
    with setups(kind).client(name) as c:
        for at, write in enumerate([None, *case.writes]):
            for request in write if isinstance(write, list) else [{"query": write}] * bool(write):
                reply = c.ask(request)
                assert case.may_fail or "error" not in reply, (request, reply)
            for question in case.questions:
                for _ in range(2):
                    kept = c.ask({"query": question, "cache": True})
                    plain = c.ask({"query": question})
                    if say(kept) != say(plain):
                        wrong.append((at, write, question, kept, plain))
    assert not wrong, wrong[:3]


@pytest.mark.parametrize("kind", KINDS)
def test_some_of_it_is_kept(setups, kind):
    """Or the others would prove nothing."""
    with setups(kind).client("foreign keys") as c:
        for question in CASES["foreign keys"].questions:
            told = [c.ask({"query": question, "cache": True})["cache"] for _ in range(3)]
            assert told[1:] == ["hit", "hit"], question
