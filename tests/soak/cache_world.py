# SPDX-License-Identifier: MIT
"""What the cache is asked for and what is written: tables, registers, forms of reads and
of writes.

    world = World("postgresql")
    world.schema()                       SQL that makes and fills its tables
    world.registers, world.forms         for cache_check
    world.lines(cache='"cache":true')    the plan's scripts for cache_load

Versions only grow also in the database (`greatest`), so that a write whose outcome nobody
knew may come late without undoing what was written after it.
"""
import json

from cache_check import ALWAYS, EVEN, ODD, Register

BASE = 10**9          # of what a cascade carries: key * BASE + version
HIGH = 2**63 - 1000   # keys near the end of what a bigint holds
NULL_WRITE = -1

ROWS, GROUPS, IN_GROUP, PARENTS, MOVERS, COMERS, LOGS = 16, 5, 4, 5, 6, 4, 4


def j(value):
    return json.dumps(value, separators=(",", ":"))


def query(q, **more):
    """A request without its braces and id."""
    return j({"query": q, **more})[1:]


def v(expression="$v"):
    """`$v`, which the load program replaces, as a number in JSON."""
    return {"value": expression}


def line(text):
    return text.replace('"$v"', "$v")


def equals(column, value):
    return ["=", column, {"value": value}]


def grow(column="v", base=0):
    """The larger of what is there and the version."""
    return ["greatest", column, ["+", v(), {"value": base}] if base else v()]


class World:
    def __init__(self, kind, comers=True):
        self.kind = kind
        self.registers, self.forms, self.names = [], [], {}
        self.reads, self.writes, self.aborts = [], [], []
        self._hot()
        self._groups()
        self._parents()
        self._movers()
        self._logs()
        if comers:
            self._comers()
        self.writers = len(self.registers)
        self._sums()

    # ---- the parts of a plan ----

    def form(self, name, rule=ALWAYS):
        if name not in self.names:
            self.names[name] = len(self.forms)
            self.forms.append(rule)
        return self.names[name]

    def register(self, name, **more):
        self.registers.append(Register(name, **more))
        return len(self.registers) - 1

    def read(self, register, form, q, rule=ALWAYS, **more):
        self.reads.append((register, self.form(form, rule), False, [query(q, **more)]))

    def write(self, register, form, *queries, at_once=False, **more):
        """One query by itself, or several as a transaction."""
        self.writes.append((register, self.form("write " + form), at_once,
                            self._steps(queries, "commit", more)))

    def abort(self, *queries, end="rollback"):
        """What the queries write is taken back: by rollback, or because the client goes."""
        steps = self._steps(queries, end, {}, always=True)
        self.aborts.append((0, self.form("abort"), False, steps))

    def _steps(self, queries, end, more, always=False):
        if len(queries) == 1 and not always:
            return [query(queries[0], **more)]
        last = end if end == "drop" else j({"op": end, "tx": "t"})[1:]
        return [j({"op": "begin", "tx": "t"})[1:],
                *(query(q, tx="t", **more) for q in queries), last]

    def batch(self, register, form, *queries):
        self.writes.append((register, self.form("write " + form), False,
                            [j({"op": "batch", "steps": [{"query": q} for q in queries]})[1:]]))

    def failing_batch(self, *queries):
        self.aborts.append((0, self.form("abort"), False,
                            [j({"op": "batch", "steps": [{"query": q} for q in queries]})[1:]]))

    def lines(self, cache='"cache":true', forms=None):
        """Scripts as cache_load reads them; `forms` only some of the reads."""
        wanted = [r for r in self.reads if forms is None or r[1] in forms]
        for word, scripts in (("read", wanted), ("write", self.writes), ("abort", self.aborts)):
            for register, form, at_once, steps in scripts:
                if word == "read":
                    steps = [cache + "," + step for step in steps] if cache else steps
                yield "\t".join([word, str(register), str(form), str(int(at_once)),
                                 *map(line, steps)])

    # ---- rows by their keys ----

    def _hot(self):
        for i in range(ROWS):
            r = self.register(f"hot {i}")
            self._read_hot(r, i)
            self._write_hot(r, i)
            self._abort_hot(i)

    def _read_hot(self, r, i):
        for name, where in (
                ("by id", equals("id", i)), ("by code", equals("code", code(i))),
                ("by number", equals("num", HIGH + i)),
                ("by a code of any case", equals("anycase", self._other_case(i))),
                ("by no key", ["and", equals("id", i), equals("grp", i % 4)]),
                ("by a range", ["between", "id", {"value": i}, {"value": i}]),
                ("in a list", ["in", "id", [i, -i - 1]])):
            self.read(r, name, {"select": ["v"], "from": "hot", "where": where})
        self.read(r, "by id, a parameter", {"select": ["v"], "from": "hot",
                                            "where": ["=", "id", ":k"]}, params={"k": i})
        self.read(r, "joined", {"select": ["h.v"], "from": {"h": "hot"},
                                "join": [{"inner": {"x": "hot"}, "on": ["=", "x.id", "h.id"]}],
                                "where": equals("h.id", i)})
        self.read(r, "by a subquery", {"select": ["v"], "from": "hot", "where": [
            "=", "id", {"select": [["max", "id"]], "from": {"x": "hot"},
                        "where": equals("x.code", code(i))}]})

    def _other_case(self, i):
        """How a row's key may be asked for besides how it is written there."""
        return {"postgresql": any_case(i), "mariadb": any_case(i).upper() + "  ",
                "sqlite": any_case(i).upper()}[self.kind]

    def _write_hot(self, r, i):
        def update(where, **more):
            return {"update": "hot", "set": {"v": grow()}, "where": where, **more}
        by_id = update(equals("id", i))
        self.write(r, "by id", by_id)
        self.write(r, "by id again", by_id)
        self.write(r, "by code", update(equals("code", code(i))))
        self.write(r, "by number", update(equals("num", HIGH + i)))
        self.write(r, "by any case", update(equals("anycase", any_case(i))))
        self.write(r, "with a guard", update(["and", equals("id", i), ["<", "v", v()]]))
        self.write(r, "in a transaction", by_id)
        self.writes[-1] = (*self.writes[-1][:3], self._steps([by_id], "commit", {}, always=True))
        self.write(r, "in a transaction, at once", by_id)
        self.writes[-1] = (*self.writes[-1][:2], True,
                           self._steps([by_id], "commit", {}, always=True))
        self.batch(r, "in a batch", by_id, {"select": ["id"], "from": "one"})
        greatest = "max" if self.kind == "sqlite" else "greatest"
        self.write(r, "as raw text", {"text": f"update hot set v = {greatest}(v, $v) where id = {i}"})
        self.write(r, "as an upsert", {
            "insert": "hot", "rows": [{"id": i, "code": code(i), "num": HIGH + i, "grp": i % 4,
                                       "anycase": any_case(i), "v": "$v"}],
            "conflict": {"on": ["id"], "do": "update",
                         "set": {"v": ["greatest", "hot.v", "new.v"]}}})

    def _abort_hot(self, i):
        lie = {"update": "hot", "set": {"v": {"value": NULL_WRITE}}, "where": equals("id", i)}
        by_code = {**lie, "where": equals("code", code(i))}
        self.abort(lie)
        self.abort(by_code, end="drop")
        self.failing_batch(lie, {"insert": "one", "rows": [{"id": 1}]})
        self.aborts.append((0, self.form("abort"), False, [query(
            {"update": "hot", "set": {"v": {"value": NULL_WRITE}, "grp": None},
             "where": equals("id", i)})]))

    # ---- several rows, written as one ----

    def _groups(self):
        for g in range(GROUPS):
            r = self.register(f"group {g}")
            rows = [g * IN_GROUP + k for k in range(IN_GROUP)]
            every = equals("grp", g)
            self.read(r, "a group", {"select": ["v"], "from": "members", "where": every})
            self.read(r, "a group's ends", {"select": [["min", "v"], ["max", "v"]],
                                            "from": "members", "where": every})
            self.read(r, "a member", {"select": ["v"], "from": "members",
                                      "where": equals("id", rows[-1])})
            one_by_one = [{"update": "members", "set": {"v": grow()}, "where": equals("id", row)}
                          for row in rows]
            self.write(r, "of a group", {"update": "members", "set": {"v": grow()},
                                         "where": every})
            self.write(r, "one by one", *one_by_one)
            self.write(r, "one by one, at once", *one_by_one, at_once=True)
            self.batch(r, "of a group in a batch", *one_by_one)
            self.abort(*[{**q, "set": {"v": {"value": NULL_WRITE}}} for q in one_by_one])

    # ---- foreign keys that carry versions ----

    def _parents(self):
        for p in range(PARENTS):
            r = self.register(f"parent {p}")
            base = p * BASE
            own = [{"own": ["-", "ver", {"value": base}]}]
            self.read(r, "a parent", {"select": own, "from": "parents",
                                      "where": equals("id", p)})
            for depth in ("children", "grandchildren"):
                self.read(r, depth, {"select": own, "from": depth, "where": equals("id", p)})
            self.write(r, "that cascades", {"update": "parents", "set": {"ver": grow("ver", base)},
                                            "where": equals("id", p)})
            self.abort({"update": "parents", "set": {"ver": {"value": base - 1}},
                        "where": equals("id", p)})

    # ---- keys that change, rows that come and go ----

    def _movers(self):
        for m in range(MOVERS):
            r = self.register(f"mover {m}")
            place = ["+", {"value": 10 * m}, ["%", grow(), {"value": 2}]]
            self.read(r, "a mover by id", {"select": ["v"], "from": "movers",
                                           "where": equals("id", m)})
            for at, rule in ((0, EVEN), (1, ODD)):
                self.read(r, f"a mover at {rule}", {
                    "select": ["v"], "from": "movers", "where": equals("place", 10 * m + at)}, rule)
            self.write(r, "that moves", {"update": "movers", "set": {"place": place, "v": grow()},
                                         "where": equals("id", m)})
            self.abort({"update": "movers", "set": {"place": {"value": 10 * m + 7},
                                                    "v": {"value": NULL_WRITE}},
                        "where": equals("id", m)})

    def _comers(self):
        for c in range(COMERS):
            r = self.register(f"comer {c}")
            gone = {"delete": "comers", "where": equals("id", c)}
            back = {"insert": "comers", "columns": ["id", "v"],
                    "from_query": {"select": [{"id": {"value": c}}, {"v": v()}], "from": "one",
                                   "where": ["=", ["%", v(), {"value": 2}], {"value": 0}]}}
            self.read(r, "a comer", {"select": ["v"], "from": "comers",
                                     "where": equals("id", c)}, EVEN)
            self.read(r, "a comer, joined", {
                "select": ["c.v"], "from": {"c": "comers"},
                "join": [{"inner": {"h": "hot"}, "on": ["=", "c.id", "h.id"]}],
                "where": equals("h.id", c)}, EVEN)
            self.write(r, "that comes or goes", gone, back)
            self.batch(r, "that comes or goes in a batch", gone, back)

    # ---- rows that are only ever added ----

    def _logs(self):
        for g in range(LOGS):
            r = self.register(f"log {g}")
            own = equals("grp", g)
            row = {"insert": "logs", "set": {"grp": {"value": g}, "v": v()}}
            self.read(r, "the end of a log", {"select": [["max", "v"]], "from": "logs",
                                              "where": own})
            self.read(r, "the last of a log", {"select": ["v"], "from": "logs", "where": own,
                                               "order_by": [{"desc": "v"}], "limit": 1})
            self.write(r, "an insert", row)
            self.write(r, "an insert, as rows", {"insert": "logs", "rows": [{"grp": g, "v": "$v"}]})
            self.batch(r, "an insert in a batch", row)
            self.abort({**row, "set": {"grp": {"value": g}, "v": {"value": 10**6}}})

    # ---- whole tables ----

    def _sums(self):
        names = [r.name.split()[0] for r in self.registers]
        for table, first, times in (("hot", "hot", 1), ("members", "group", IN_GROUP)):
            members = tuple(at for at, name in enumerate(names) if name == first)
            r = self.register(f"sum of {table}", members=members)
            total = ["sum", "v"]
            self.read(r, f"all of {table}", {
                "select": [{"s": total if times == 1 else ["//", total, {"value": times}]}],
                "from": table})

    # ---- tables ----

    def schema(self):
        rows = [f"({i}, '{code(i)}', {HIGH + i}, '{any_case(i)}', {i % 4}, 0)"
                for i in range(ROWS)]
        members = [f"({i}, {i // IN_GROUP}, 0)" for i in range(GROUPS * IN_GROUP)]
        parents = [f"({p}, {p * BASE})" for p in range(PARENTS)]
        text = {"postgresql": "char(12)", "mariadb": "varchar(40)",
                "sqlite": "varchar(40) collate nocase"}[self.kind]
        plain = {"mariadb": "varchar(40) character set ascii collate ascii_bin"}.get(
            self.kind, "varchar(40)")
        serial = {"postgresql": "serial primary key", "sqlite": "integer primary key",
                  "mariadb": "integer not null auto_increment primary key"}[self.kind]
        refers = "bigint not null unique, foreign key (ver) references {} (ver) on update cascade"
        return f"""
create table one (id integer not null primary key);
insert into one values (1);
create table hot (id integer not null primary key, code {plain} not null unique,
                  num bigint not null unique, anycase {text} not null unique,
                  grp integer not null, v bigint not null);
insert into hot values {", ".join(rows)};
create table members (id integer not null primary key, grp integer not null, v bigint not null);
insert into members values {", ".join(members)};
create table parents (id integer not null primary key, ver bigint not null unique);
create table children (id integer not null primary key, ver {refers.format("parents")});
create table grandchildren (id integer not null primary key, ver {refers.format("children")});
insert into parents values {", ".join(parents)};
insert into children values {", ".join(parents)};
insert into grandchildren values {", ".join(parents)};
create table movers (id integer not null primary key, place bigint not null unique,
                     v bigint not null);
insert into movers values {", ".join(f"({m}, {10 * m}, 0)" for m in range(MOVERS))};
create table logs (id {serial}, grp integer not null, v bigint not null);
insert into logs (grp, v) values {", ".join(f"({g}, 0)" for g in range(LOGS))};
create table comers (id integer not null primary key, v bigint not null);
insert into comers values {", ".join(f"({c}, 0)" for c in range(COMERS))};
"""


def code(i):
    return f"code-{i}"


def any_case(i):
    return f"any-{i}"
