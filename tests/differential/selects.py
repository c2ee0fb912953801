# SPDX-License-Identifier: MIT
"""Random queries: select in all its clauses, compounds, values, CTEs."""
import operators
import schema
from expressions import COMPARED, SHOWN, SORTED, Expressions
from scopes import Col, Scope, Source, name, of_table

FROM = [(5, schema.THINGS), (4, schema.PARTS), (2, schema.LINKS), (2, schema.SORTS),
        (1, schema.HOLLOW), (1, schema.ODD), (.3, schema.LOOSE)]
SMALL = [(2, schema.SORTS), (1, schema.HOLLOW), (1, schema.ODD)]
COMPOUNDS = [(3, "union"), (3, "union_all"), (2, "intersect"), (2, "except"),
             (1, "intersect_all"), (1, "except_all")]


class Selects(Expressions):
    """A query is made inside `scope`; what it gives is [(name, kind)]."""

    def __init__(self, rng, hostile=False):
        super().__init__(rng, hostile)
        self.ctes = []  # Sources that `with` made, alias is the name
        self.outputs = []  # [Col] of the query made last
        self.total = False  # whether its rows came in one possible order

    # ---- from ----

    def table_name(self, table):
        return table.name if table.name.isidentifier() else {"name": [table.name]}

    def source(self, choices, depth):
        """(member of FROM, Source)."""
        at = self.rng.random()
        alias = self.new_name("t")
        if at < .08 and depth > 0:
            return self.derived(alias, depth)
        if at < .12:
            return self.value_rows(alias)
        if at < .16:
            return self.table_function(alias)
        if at < .3 and self.ctes:
            made = self.rng.choice(self.ctes)
            return {alias: made.alias}, Source(alias, made.cols, made.key)
        table = self.weighted(choices)[1]
        if self.chance(.002):
            form = {"table": table.name, "sample": {"method": "bernoulli", "percent": 100}} \
                if table.name.isidentifier() else self.table_name(table)
            return {alias: form}, of_table(alias, table)
        if self.chance(.2) and table.name.isidentifier() and table.name not in self.bare_names:
            self.bare_names.add(table.name)
            return table.name, of_table(table.name, table)
        return {alias: self.table_name(table)}, of_table(alias, table)

    def derived(self, alias, depth):
        self.risky = True  # a column that nobody asks for may not be computed
        q, cols = self.apart(lambda: self.query(depth - 1))
        return {alias: q}, Source(alias, cols, key_of(cols))

    def value_rows(self, alias):
        kinds = [self.rng.choice(["int", "text", "date", "num", "bool"])
                 for _ in range(self.rng.randint(1, 3))]
        names = [f"v{i}" for i in range(len(kinds))]
        form = {"values": [[self.literal(k) for k in kinds]
                           for _ in range(self.rng.randint(1, 4))], "columns": names}
        cols = [Col(n, k, bytewise=False) for n, k in zip(names, kinds)]
        return {alias: form}, Source(alias, cols, key_of(cols))

    def table_function(self, alias):
        form, kind = self.rng.choice(4 * [
            (["generate_series", 1, 4], "int"), (["generate_series", 0, ":top"], "int"),
            (["unnest", "list"], "int"), (["unnest", "list"], "text"),
            (["generate_series", 10, 1, -3], "int")] + [
            (["generate_series", {"value": "2024-01-30", "type": "timestamp"},
              {"value": "2024-04-30", "type": "timestamp"},
              {"value": "P1M", "type": "interval"}], "ts"),
            (["unnest", "list"], "int"), (["unnest", "list"], "text")])
        if form == ["unnest", "list"]:
            form = ["unnest", self.param([self.data(kind) for _ in range(3)])]
        form = [self.param(self.rng.randint(-1, 5)) if x == ":top" else x for x in form]
        names = {"int": "bigint", "ts": "timestamp", "text": "text"}
        cols = [Col("n", kind, False, bytewise=False)]
        body = {"function": form, "columns": [{"n": names[kind]}]}
        key = key_of(cols)
        if self.chance(.3):
            body["ordinality"] = True
            cols.append(Col("ordinality", "int", False))
            key = ["ordinality"]
        return {alias: body}, Source(alias, cols, key, unique="ordinality" in body)

    def apart(self, make):
        """make() in a scope of its own that sees nothing around it; (query, columns)."""
        before, self.scope = self.scope, Scope()
        try:
            return make(), self.outputs
        finally:
            self.scope = before

    def add_from(self, q, depth):
        """FROM and joins of q; the sources come into the scope."""
        scope, r = self.scope, self.rng
        form, first = self.source(FROM, depth)
        q["from"] = form
        scope.sources = [first]
        joins = []
        for _ in range(r.choice([0, 0, 0, 0, 1, 1, 1, 2])):
            joins.append(self.join(depth))
        if joins:
            q["join"] = joins

    def join(self, depth):
        scope = self.scope
        how = self.weighted([(4, "inner"), (4, "left"), (1, "right"), (1, "full"),
                             (1, "cross")])[1]
        if self.chance(.03) and depth > 0:
            return self.lateral(how if how in ("inner", "left") else "cross", depth)
        form, new = self.source(SMALL if how == "cross" else FROM, depth)
        old = scope.sources
        join = {how: form}
        if how == "cross":
            scope.sources = old + [new]
            return join
        shared = [c.name for c in new.cols for o in old[-1].cols
                  if c.name == o.name and c.kind == o.kind == "int"]
        if shared and len(old) == 1 and self.chance(.1):
            join["using"] = [self.rng.choice(shared)]
            # what the merged column is differs by the kind of join: it is not named
            used = join["using"][0]
            left = Source(old[0].alias, [c for c in old[0].cols if c.name != used], None)
            right = Source(new.alias, [c for c in new.cols if c.name != used], None)
            old, new = [left], right
        elif self.chance(.08) and len(old) == 1 and one_foreign_key(old[0], new):
            pass
        else:
            scope.sources = old + [new]
            join["on"] = self.on(old, new)
            if join["on"] is None:
                return {"cross": form}
        if how in ("left", "full"):
            new = new.nullable()
        if how in ("right", "full"):
            old = [s.nullable() for s in old]
        scope.sources = old + [new]
        return join

    def lateral(self, how, depth):
        scope = self.scope
        alias = self.new_name("t")
        inner, self.scope = self.scope, Scope(self.scope)
        q = self.select(None, max(depth - 1, 1), plain=True)
        self.scope = inner
        cols = self.outputs
        scope.sources = scope.sources + [Source(alias, [c.nullable() for c in cols],
                                                key_of(cols))]
        on = None if how == "cross" else self.on(scope.sources[:-1], scope.sources[-1])
        join = {how: {alias: q}, "lateral": True}
        return {"cross": {alias: q}, "lateral": True} if on is None else {**join, "on": on}

    def on(self, old, new):
        """A condition that has columns of both sides."""
        pairs = [(name(s.alias, a.name), name(new.alias, b.name)) for s in old for a in s.cols
                 for b in new.cols if a.kind == b.kind and a.kind in ("int", "date", "text")
                 and a.bytewise and b.bytewise and not a.wild and not b.wild]
        keys = [p for p in pairs for s in old if s.table and new.table
                for f in (*s.table.foreign, *new.table.foreign)
                if str(p[0]).rsplit(".", 1)[-1] in f[0] + f[2] and
                str(p[1]).rsplit(".", 1)[-1] in f[0] + f[2]]
        if not pairs:
            return None
        left, right = self.rng.choice(keys if keys and self.chance(.7) else pairs)
        equal = ["=", left, right]
        if self.chance(.25):
            self.risky = True
            return ["and", equal, self.condition(1) or True]
        return equal

    # ---- select ----

    def select_of(self, kinds, depth, rows):
        """A subquery in an expression. rows: "one" (at most one row) or "many"."""
        keep = self.outputs, self.total
        self.scope = Scope(self.scope)
        self.risky = True
        try:
            if rows == "one":
                return self.one_row(kinds[0], depth)
            return self.select(kinds, depth, plain=True)
        finally:
            self.scope = self.scope.outer
            self.outputs, self.total = keep

    def one_row(self, kind, depth):
        """Aggregated as a whole, the row of a key, or the first of a total order."""
        q = {"select": None}
        table = self.weighted(FROM[:4])[1]
        alias = self.new_name("t")
        q["from"] = {alias: self.table_name(table)}
        self.scope.sources = [of_table(alias, table)]
        if kind in operators.AGGREGATES and self.chance(.5):
            self.scope.groups = []
            q["where"] = self.inside_plain(lambda: self.condition(1))
            q["select"] = [{"c0": self.aggregate(kind, 1)}]
            return q
        if self.chance(.5) and len(table.key) == 1:
            q["where"] = ["=", name(alias, table.key[0]), self.outer_int() or 3]
        else:
            if self.chance(.7):
                q["where"] = self.condition(1)
            q["order_by"] = self.total_order(self.scope.sources)
            q["limit"] = 1
        q["select"] = [{"c0": self.expr(kind, min(depth, 1))}]
        return q

    def inside_plain(self, make):
        groups, self.scope.groups = self.scope.groups, None
        try:
            return make()
        finally:
            self.scope.groups = groups

    def outer_int(self):
        outer = self.scope.outer
        found = [e for e, c in outer.in_sight() if c.kind == "int"] if outer else []
        return self.rng.choice(found) if found else None

    def select(self, kinds, depth, plain=False):
        """A select in self.scope. `plain`: without what only matters at the top."""
        q, r = {"select": None}, self.rng
        if kinds is None:
            kinds = [r.choice(SHOWN if not plain else COMPARED)
                     for _ in range(r.choice([1, 1, 2, 2, 3, 4]))]
        if self.chance(.97):
            self.add_from(q, depth)
        if self.chance(.6):
            q["where"] = self.condition(min(depth, 3))
            self.risky = True  # what is the same for all rows may be computed for none
        if q.get("from") is not None and self.chance(.22):
            self.group(q, depth)
        self.items(q, kinds, depth, plain)
        self.finish(q, plain)
        return q

    def group(self, q, depth):
        scope, groups = self.scope, []
        for _ in range(self.rng.choice([0, 1, 1, 1, 2])):
            kind = self.rng.choice(["int", "int", "text", "bool", "date", "num"])
            found = self.column(kind, lambda c: c.bytewise)
            near = [e for e, _ in scope.in_sight()]
            if found is not None and found in near and found not in [g for g, _ in groups]:
                col = next(c for e, c in scope.in_sight() if e == found)
                groups.append((found, Col(col.name, kind, True, col.wild, True, col.plain)))
        scope.groups = groups
        names = [g for g, _ in groups]
        if names:
            at = self.rng.random()
            q["group_by"] = [{"rollup": names}] if at < .06 else [{"cube": names}] if at < .09 \
                else [{"grouping_sets": [names, names[:1], []]}] if at < .12 else names
            if at < .12:
                groups[:] = [(e, c.nullable()) for e, c in groups]
            scope.sets = names if at < .12 else []
        if names and self.chance(.35):
            self.risky = True
            q["having"] = self.condition(min(depth, 2))

    def items(self, q, kinds, depth, plain):
        scope, out, items = self.scope, [], []
        windows = not plain and scope.sources and scope.groups is None and self.chance(.2)
        if scope.sets and not plain and self.chance(.5):
            items.append({"sets": ["grouping", *scope.sets]})
            out.append(Col("sets", "int", False))
        for i, kind in enumerate(kinds):
            alias = f"c{i}"
            if windows and self.chance(.6):
                made = self.window(q)
                if made is not None:
                    items.append({alias: made[0]})
                    out.append(Col(alias, made[1], bytewise=False))
                    continue
            e = self.expr(kind, depth)
            if e is None:
                e = self.literal(kind) if kind not in ("approx", "array") else ["sqrt", 2]
            col = next((c for x, c in scope.in_sight() if x == e), None)
            bytewise = col.bytewise if col else False
            items.append({alias: e})
            out.append(Col(alias, kind, col.null if col else True, bytewise=bytewise,
                           plain=col.plain if col else False, wild=col.wild if col else False))
        if plain is False and scope.groups is None and scope.sources and self.chance(.04):
            items.append(f"{scope.sources[-1].alias}.*")
            out += scope.sources[-1].cols
        q["select"] = items
        self.outputs = out

    def window(self, q):
        """(over form, kind); None where no total order is to be had."""
        sources = self.scope.sources
        total = self.total_order(sources) if all(s.unique for s in sources) else None
        if total is None:
            return None
        self.risky = True  # an argument may be computed only where its row is asked for
        if self.chance(.35):
            op = self.weighted([(2, "sum"), (1, "count"), (1, "min"), (1, "max"), (1, "avg")])[1]
            arg = self.column("int", lambda c: not c.wild) or 1
            call, needs, kind = [op, arg], False, "approx" if op == "avg" else "int"
        else:
            _, shape, needs, kind = self.weighted(operators.WINDOWS)
            call = self.fill(shape, 1)
        form = {"over": call}
        if self.chance(.5):
            part = self.column(self.rng.choice(["int", "bool", "text"]), lambda c: c.bytewise)
            if part is not None:
                form["partition_by"] = [part]
        form["order_by"] = total
        if not needs and self.chance(.4):
            by = self.column("int")
            form["order_by"] = [self.order_entry(by, True)] if by else total
        if call[0] in ("sum", "count", "min", "max", "avg", "first_value", "last_value",
                       "nth_value") and self.chance(.5):
            self.frame(form, total)
        if self.chance(.1) and "window" not in q:
            q["window"] = {"w": {k: form.pop(k) for k in ("partition_by", "order_by")
                                 if k in form}}
            form["window"] = "w"
        return form, kind

    def frame(self, form, total):
        unit = self.weighted([(4, "rows"), (1, "groups"), (1, "range")])[1]
        low = self.rng.choice([None, -2, -1, 0])
        high = self.rng.choice([None, 0, 1, 2])
        if unit == "range":
            low, high = self.rng.choice([(None, 0), (0, None), (None, None)])
        if unit == "rows" and form["order_by"] is not total:
            form["order_by"] = total
        form[unit] = [low, high]
        if self.chance(.1):
            form["exclude"] = self.rng.choice(["current_row", "group", "ties", "no_others"])

    def finish(self, q, plain):
        """distinct, order, limit: a limit only where the order is total."""
        scope, r = self.scope, self.rng
        self.total = False
        comparable = all(c.kind in SORTED and c.bytewise or c.kind in SORTED - {"text"}
                         for c in self.outputs)
        order = None
        if comparable and self.chance(.1) and not scope.groups:
            q["distinct"] = True
            order = [self.order_entry(c.name) for c in self.outputs]
            if any(isinstance(i, str) for i in q["select"]):
                order = None
        elif scope.groups is not None:
            plain_groups = all(isinstance(g, (str, dict)) and "rollup" not in g and
                               "cube" not in g and "grouping_sets" not in g
                               for g in q.get("group_by", []))
            order = [self.order_entry(g) for g, c in scope.groups] if plain_groups else None
        else:
            order = self.total_order(scope.sources)
        if not order or plain and self.chance(.8) or self.chance(.3):
            return
        if "distinct" not in q and self.chance(.3):
            by = self.comparable(r.choice(["int", "text", "num", "date"]), 1)
            if is_column(by):
                order.insert(0, self.order_entry(by))
        if "distinct" not in q and scope.groups is None and self.chance(.03):
            on = self.column("int", lambda c: not c.wild)
            near = [e for e, _ in scope.in_sight()]
            if on in near:
                q["distinct"] = [on]
                order.insert(0, self.order_entry(on))
        order = without_repeats(order)
        q["order_by"] = order
        self.total = True
        if self.chance(.4):
            self.risky = True
            q["limit"] = r.choice([0, 1, 2, 3, 5, 20, None, self.param(r.randint(0, 4))])
            if self.chance(.04) and q["limit"] is not None:
                q["with_ties"] = True
        if self.chance(.15):
            self.risky = True
            q["offset"] = r.choice([0, 1, 2, 10])
        elif not plain and self.chance(.15):
            self.keyset(q)
        lockable = all(s.table is not None for s in scope.sources) and scope.sources and \
            not any(set(j) & {"left", "right", "full"} for j in q.get("join", []))
        if not plain and lockable and self.chance(.04) and scope.groups is None and \
                "distinct" not in q and not any("over" in str(i) for i in q["select"]):
            q["for"] = {r.choice(["update", "share"]): True}

    def keyset(self, q):
        """The rows behind one that has these keys."""
        keys, at = [sorted_by(entry) for entry in q["order_by"]], {}
        seen = {e: c for e, c in self.scope.in_sight() if isinstance(e, str)}
        seen.update({c.name: c for c in self.outputs} if "distinct" in q else {})
        # each key is a level more in SQLite's parser
        if len(keys) > 5 or any(not isinstance(k, str) or k not in seen for k in keys) or \
                any("over" in str(i) for i in q["select"]) or self.scope.sets:
            return
        for key in keys:
            value = self.data(seen[key].kind)
            if seen[key].null and self.chance(.2):
                at[key] = None
            else:
                at[key] = self.param(value) if self.chance(.7) else {"value": value}
        q["after"] = None if self.chance(.15) else at

    # ---- queries ----

    def query(self, depth):
        """A select, or now and then a compound or values."""
        at = self.rng.random()
        if at < .07:
            return self.compound(depth)
        if at < .09:
            return self.values_query()
        return self.select(None, depth, plain=True)

    def compound(self, depth):
        kinds = [self.rng.choice(["int", "text", "num", "date", "bool", "ts"])
                 for _ in range(self.rng.randint(1, 3))]
        op = self.weighted(COMPOUNDS)[1]
        self.risky = True
        parts = []
        for _ in range(self.rng.choice([2, 2, 2, 3])):
            scope, self.scope = self.scope, Scope()
            parts.append(self.plain_part(kinds))
            self.scope = scope
        self.outputs = [Col(f"c{i}", k, True, bytewise=False) for i, k in enumerate(kinds)]
        q = {op: parts}
        self.total = False
        if self.chance(.5):
            q["order_by"] = [self.order_entry(f"c{i}") for i in range(len(kinds))]
            self.total = True
            if self.chance(.4):
                q["limit"] = self.rng.choice([1, 3, 10])
        return q

    def plain_part(self, kinds):
        """A part of a compound: texts are columns or made bytewise."""
        q = {"select": None}
        self.add_from(q, 0)
        if self.chance(.5):
            q["where"] = self.condition(1)
        q["select"] = [{f"c{i}": self.comparable(k, 1) or self.literal(k)}
                       for i, k in enumerate(kinds)]
        if self.chance(.1):
            order = self.total_order(self.scope.sources)
            if order:
                q["order_by"], q["limit"] = order, 3
        return q

    def values_query(self):
        kinds = [self.rng.choice(["int", "text", "date", "num"])
                 for _ in range(self.rng.randint(1, 3))]
        self.total = False
        self.outputs = [Col(f"column{i + 1}", k, True, bytewise=False)
                        for i, k in enumerate(kinds)]
        return {"values": [[self.literal(k) for k in kinds]
                           for _ in range(self.rng.randint(1, 4))]}

    def add_ctes(self):
        """`with` for the whole statement; the CTEs can be named in its FROMs."""
        out, recursive = {}, False
        for _ in range(self.rng.choice([1, 1, 2])):
            alias = self.new_name("w")
            self.risky = True
            if self.chance(.3):
                recursive = True
                out[alias], cols = self.recursion(alias)
            else:
                q, cols = self.apart(lambda: self.query(1))
                out[alias] = q
                if self.chance(.3):
                    out[alias] = {"query": q, "materialized": self.chance(.5)}
            self.ctes.append(Source(alias, cols, key_of(cols)))
        return {"with": out, **({"recursive": True} if recursive else {})}

    def recursion(self, alias):
        if self.chance(.5):
            top = self.rng.randint(1, 12)
            parts = [{"select": [{"n": 1}]},
                     {"select": [{"n": ["+", "n", self.rng.choice([1, 2])]}], "from": alias,
                      "where": ["<", "n", top]}]
            return {"columns": ["n"], "query": {"union_all": parts}}, [Col("n", "int")]
        parts = [{"select": [{"id": "id"}, {"up": "parent"}, {"level": 0}], "from": "things",
                  "where": ["=", "id", self.literal("int")]},
                 {"select": [{"id": "c.id"}, {"up": "c.parent"}, {"level": ["+", "r.level", 1]}],
                  "from": {"r": alias},
                  "join": [{"inner": {"c": "things"}, "on": ["=", "c.parent", "r.id"]}],
                  "where": ["<", "r.level", 6]}]
        cols = [Col("id", "int"), Col("up", "int"), Col("level", "int")]
        return {"columns": ["id", "up", "level"],
                "query": {self.rng.choice(["union", "union_all"]): parts}}, cols


def key_of(cols):
    """All columns, where they can be sorted by: rows alike in all of them are equal."""
    if all(c.kind in SORTED and (c.kind != "text" or c.bytewise) for c in cols):
        return [c.name for c in cols]
    return None


def one_foreign_key(a, b):
    """Whether exactly one foreign key connects two tables."""
    if a.table is None or b.table is None or a.table is b.table:
        return False
    return sum(f[1] == b.table.name for f in a.table.foreign) + \
        sum(f[1] == a.table.name for f in b.table.foreign) == 1


def is_column(e):
    return isinstance(e, str) and not e.startswith(":") or \
        isinstance(e, dict) and list(e) == ["name"]


def sorted_by(entry):
    return next((entry[k] for k in ("asc", "desc") if isinstance(entry, dict) and k in entry),
                entry)


def without_repeats(order):
    out = []
    for entry in order:
        if sorted_by(entry) not in map(sorted_by, out):
            out.append(entry)
    return out
