# SPDX-License-Identifier: MIT
"""Random inserts, updates, deletes and upserts on the scratch tables."""
import schema
from scopes import Scope, Source, name, of_table
from selects import Selects


class Writes(Selects):
    """`written` is set to the scratch tables that a statement may change."""

    def write(self):
        self.risky = True
        make = self.weighted([(4, self.insert), (4, self.update), (2, self.delete),
                              (3, self.upsert)])[1]
        return make()

    def cell(self, column):
        if column.null and self.chance(.15):
            return None
        return self.data(column.kind)

    def row(self, table, columns):
        out = {}
        for c in columns:
            if c.name in table.key:
                out[c.name] = self.rng.randint(1, 14)
            elif c.name == "code":
                out[c.name] = self.rng.choice([10, 20, 30, 200, 210, 220, None])
            elif c.kind == "num":
                out[c.name] = self.rng.choice(["1.25", "-3", "0.00", "1234.5"])
            elif c.declared == "integer":  # SQLite's hold 64 bits
                out[c.name] = self.rng.choice([0, 1, 5, -3, 2 ** 31 - 1])
            else:
                out[c.name] = self.cell(c)
        return out

    def some_columns(self, table):
        return [c for c in table.columns if c.name in table.key or not c.null or self.chance(.5)]

    def target(self, table):
        """(the statement's table, Source), aliased now and then."""
        if self.chance(.3):
            alias = self.new_name("t")
            return {alias: table.name}, of_table(alias, table)
        return table.name, of_table(table.name, table)

    def returning(self, q, source):
        if not self.chance(.35):
            return
        q["returning"] = [self.rng.choice(["*", {"r": self.expr("int", 1)}])] \
            if self.chance(.3) else [{c.name: name(source.alias, c.name)}
                                     for c in source.cols[:4]]

    def insert(self):
        table = self.rng.choice([schema.WORK, schema.WORK, schema.ITEMS])
        q = {"insert": table.name}
        self.scope = Scope()
        at = self.rng.random()
        if at < .5:
            columns = self.some_columns(table)
            rows = [self.row(table, columns if self.chance(.8) else self.some_columns(table))
                    for _ in range(self.rng.choice([1, 1, 2, 4]))]
            q["rows"] = self.param(rows) if self.chance(.6) else rows
        elif at < .65:
            q["set"] = self.assignments(table, True)
        elif at < .8:
            columns = self.some_columns(table)
            q["columns"] = [c.name for c in columns]
            q["values"] = [[self.settable(c) for c in columns]
                           for _ in range(self.rng.choice([1, 2]))]
        else:
            self.insert_from(q, table)
        self.scope = Scope()
        self.scope.sources = [of_table(table.name, table)]
        self.returning(q, self.scope.sources[0])
        return q

    def settable(self, column):
        if column.name in ("id", "line", "work_id", "code"):
            return self.rng.randint(20, 40)
        if column.kind == "int":
            return self.rng.choice([1, 5, ["+", 1, 2], self.param(3)])
        return self.expr(column.kind, 1) if column.kind != "num" else \
            ["cast", self.literal("num"), "numeric(12,2)"]

    def insert_from(self, q, table):
        alias = self.new_name("t")
        self.scope = Scope()
        self.scope.sources = [of_table(alias, schema.THINGS)]
        columns = [c for c in self.some_columns(table) if c.name not in ("code", "big")]
        items = []
        for i, c in enumerate(columns):
            if c.name in ("id", "work_id"):
                items.append({f"c{i}": f"{alias}.id"})
            elif c.kind == "int":
                items.append({f"c{i}": f"{alias}.must"})
            else:
                found = self.column(c.kind, lambda col: not col.wild and col.plain)
                items.append({f"c{i}": found or self.literal(c.kind)})
        q["columns"] = [c.name for c in columns]
        low = self.rng.choice([2, 5, 9, 15, 22])
        q["from_query"] = {"select": items, "from": {alias: "things"},
                           "where": ["between", f"{alias}.id", low, low + 2]}

    def assignments(self, table, whole=False):
        """{column: expression}; the key only where a whole row is made."""
        out = {}
        for c in table.columns:
            if c.name in table.key or c.name == "code":
                if whole and c.name in table.key:
                    out[c.name] = self.rng.choice([1, 3, 20, 30, 31])
                continue
            if (whole and not c.null) or self.chance(.3):
                out[c.name] = self.assigned(c)
        if not out:
            free = [c for c in table.columns if c.name not in (*table.key, "code")]
            out[free[0].name] = self.assigned(free[0])
        return out

    def assigned(self, column):
        if column.kind == "int":
            small = self.column("int", lambda c: not c.wild)
            return self.rng.choice([1, 7, small, ["+", small, 1] if small else 2])
        if column.kind == "num":
            return ["cast", self.rng.choice([12.5, 3, 0.25]), "numeric(12,2)"]
        if column.kind == "text":
            return self.rng.choice([self.literal("text"), ["upper", self.leaf("text")]])
        return self.expr(column.kind, 1)

    def update(self):
        table = self.rng.choice([schema.WORK, schema.WORK, schema.ITEMS])
        form, source = self.target(table)
        self.scope = Scope()
        self.scope.sources = [source]
        q = {"update": form}
        if self.chance(.25):
            free = [c for c in table.columns if c.name not in (*table.key, "code", "must")]
            data = self.row(table, self.rng.sample(free, min(2, len(free))))
            q["data"] = self.param(data) if self.chance(.5) else data
        else:
            if self.chance(.12):
                alias = self.new_name("t")
                other = of_table(alias, schema.SORTS)
                q["from"] = {alias: "sorts"}
                self.scope.sources = [source, other]
                first = name(source.alias, table.key[0])
                q["set"] = {"amount": f"{alias}.factor"} if table is schema.WORK else \
                    {"qty": 77, "note": f"{alias}.title"}
                q["where"] = ["=", ["*", first, 10], f"{alias}.id"]
                return q
            q["set"] = self.assignments(table)
            if self.chance(.1) and table is schema.WORK:
                q["set"] = {"num": "must", "must": ["coalesce", "num", 0]}
        q["where"] = True if self.chance(.15) else self.condition(2)
        self.returning(q, source)
        return q

    def delete(self):
        form, source = self.target(schema.ITEMS if self.chance(.7) else schema.WORK)
        self.scope = Scope()
        self.scope.sources = [source]
        q = {"delete": form}
        if self.chance(.15):
            alias = self.new_name("t")
            q["using"] = {alias: "sorts"}
            self.scope.sources.append(of_table(alias, schema.SORTS))
            q["where"] = ["=", ["*", name(source.alias, source.key[0]), 10], f"{alias}.id"]
            return q
        q["where"] = True if self.chance(.1) else self.condition(2)
        self.returning(q, source)
        return q

    def upsert(self):
        table = self.rng.choice([schema.WORK, schema.WORK, schema.ITEMS])
        columns = self.some_columns(table)
        rows = [self.row(table, columns) for _ in range(self.rng.choice([1, 1, 2, 3]))]
        conflict = {"on": ["code"] if table is schema.WORK and self.chance(.2)
                    else list(table.key), "do": self.rng.choice(["nothing", "update", "update"])}
        if conflict["do"] == "nothing" and self.chance(.3):
            del conflict["on"]
        if conflict["do"] == "update":
            new = Source("new", of_table("new", table).cols, None)
            self.scope = Scope()
            self.scope.sources = [of_table(table.name, table), new]
            free = [c for c in columns if c.name not in (*table.key, "code")]
            conflict["set"] = {c.name: self.rng.choice([f"new.{c.name}", f"new.{c.name}",
                                                        f"{table.name}.{c.name}"])
                               for c in free} or {"name" if table is schema.WORK else "note":
                                                  {"value": "upserted"}}
            if self.chance(.2):
                conflict["where"] = self.condition(1)
        q = {"insert": table.name, "rows": self.param(rows), "conflict": conflict}
        if self.chance(.2):
            q["returning"] = [{k: k} for k in table.key]
        return q
