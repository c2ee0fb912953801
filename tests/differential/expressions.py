# SPDX-License-Identifier: MIT
"""Random expressions of a wanted type over the columns in sight."""
import operators
from scopes import Scope, name
from values import Values

COMPARED = ["int", "int", "int", "num", "dbl", "text", "text", "date", "ts", "tz", "time", "uuid",
            "bool", "bytes"]
SHOWN = COMPARED + ["json", "approx", "text", "num", "dbl", "date"]
# Not uuid: MariaDB sorts them by their parts.
SORTED = {"int", "num", "text", "date", "ts", "tz", "time", "bool"}
COMPARISONS = ["=", "!=", "<", "<=", ">", ">="]


class Expressions(Values):
    """Needs select_of() of generate.Generator for subqueries."""

    def __init__(self, rng, hostile=False):
        super().__init__(rng, hostile)
        self.scope, self.budget, self.names = Scope(), 20, 0
        self.risky = False  # has parts of which some databases may skip an error

    # ---- choosing ----

    def chance(self, p):
        return self.rng.random() < p

    def weighted(self, pairs):
        """One of [(weight, thing, …)]; the whole tuple."""
        at = self.rng.random() * sum(p[0] for p in pairs)
        for pair in pairs:
            at -= pair[0]
            if at <= 0:
                return pair
        return pairs[-1]

    def new_name(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    # ---- leaves ----

    def columns(self, kind, test=None):
        return [(e, c) for e, c in self.scope.all()
                if c.kind == kind and (test is None or test(c))]

    def column(self, kind, test=None):
        """A column, those of the innermost query first; None if there is none."""
        near = [(e, c) for e, c in self.scope.in_sight()
                if c.kind == kind and (test is None or test(c))]
        found = near if near and self.chance(.8) else self.columns(kind, test)
        tame = [f for f in found if not f[1].wild]
        if tame and not self.chance(.08):
            found = tame
        return self.rng.choice(found)[0] if found else None

    def leaf(self, kind):
        if self.chance(.015) and kind in ("int", "num", "dbl", "text", "bool"):
            return None
        found = self.column(kind) if self.chance(.75) else None
        if found is not None:
            return found
        if kind == "array":
            return ["array", 1, 2]
        if kind == "approx":
            return ["sqrt", 2]
        return self.literal(kind)

    # ---- expressions ----

    def expr(self, kind, depth):
        if kind == "bool":
            return self.condition(depth)
        self.budget -= 1
        if depth <= 0 or self.budget < 0 or self.chance(.3):
            return self.leaf(kind)
        at = self.rng.random()
        if at < .07 and kind != "array":
            return self.case(kind, depth - 1)
        if at < .11 and kind not in ("array", "approx"):
            return self.scalar_query(kind, depth - 1)
        if self.aggregating() and at < .5 and kind in operators.AGGREGATES:
            return self.aggregate(kind, depth)
        return self.template(operators.TEMPLATES[kind], depth)

    def template(self, choices, depth):
        return self.fill(self.weighted(choices)[1], depth - 1)

    def fill(self, t, depth):
        if isinstance(t, list):
            if t[0] in ("coalesce", "nullif", "greatest", "least", "count"):
                self.risky = True  # what does not matter may not be computed
            return t[:1] + [self.fill(x, depth) for x in t[1:]]
        if isinstance(t, str) and t[:1] == "#":
            if t.startswith("#key"):
                return {"value": t[1:]}
            return self.special(t[1:])
        if not isinstance(t, str) or t[:1] != "$":
            return t
        word = t[1:]
        if word[0] == "$":
            return self.no_value(word[1:], depth)
        if word == "ctext":
            return self.compared_text(depth)
        if word == "jsoncolumn":
            return self.column("json") or {"value": {"a": 1}, "type": "json"}
        if word == "any":
            return self.expr(self.rng.choice(COMPARED), depth)
        if word == "key":
            return self.comparable(self.rng.choice(["int", "text", "date", "num"]), depth)
        if word in ("must", "small"):
            return self.column("int", lambda c: not c.wild) or 3
        if word == "wildint":
            return self.column("int", lambda c: c.wild) or self.leaf("int")
        if word == "numcolumn":
            return self.column("num", lambda c: c.plain) or \
                ["cast", self.leaf("int"), "numeric(12,2)"]
        if word == "textcolumn":
            return self.compared_text(0)
        return self.expr(word, depth)

    def no_value(self, kind, depth):
        e = self.expr(kind, depth)
        if e is None or is_value(e):
            e = self.column(kind) or ["coalesce", self.literal(kind), self.literal(kind)]
        return e

    def case(self, kind, depth):
        self.risky = True
        pairs = [[self.condition(depth), self.expr(kind, depth)]
                 for _ in range(self.rng.randint(1, 2))]
        form = {"case": pairs}
        if self.chance(.3):
            of = self.rng.choice(["int", "text", "date"])
            form["of"] = self.comparable(of, 0)
            for pair in pairs:
                pair[0] = self.literal(of)
        if self.chance(.7):
            form["else"] = self.expr(kind, depth)
        return form

    def scalar_query(self, kind, depth):
        """A subquery of one column that has at most one row."""
        return self.select_of([kind], depth, rows="one")

    # ---- what is compared ----

    def compared_text(self, depth):
        """A text with a collation that is the same everywhere."""
        found = self.column("text", lambda c: c.bytewise)
        if found is None or self.chance(.1):
            return ["collate", self.expr("text", depth), "binary"]
        if depth > 0 and self.chance(.1):
            return [self.rng.choice(["lower", "upper", "trim"]), found]
        return found

    def comparable(self, kind, depth):
        return self.compared_text(depth) if kind == "text" else self.expr(kind, depth)

    def pair(self, kind, depth):
        left = self.comparable(kind, depth)
        plain = isinstance(left, str) and not left.startswith(":") and \
            kind not in ("span", "json")
        if plain and self.chance(.45):
            return left, self.bare(kind)
        return left, self.expr(kind, depth)

    # ---- conditions ----

    def condition(self, depth):
        self.budget -= 1
        if depth <= 0 or self.budget < 0:
            if self.chance(.3):
                found = self.column("bool")
                if found is not None:
                    return found
            return self.compare(0)
        choice = self.weighted([
            (5, self.compare), (1, self.is_null), (1, self.is_distinct), (2, self.junction),
            (1, self.negation), (1, self.between), (2, self.member), (3, self.by_template),
            (1, self.exists), (.7, self.quantified), (.7, self.tuples), (.5, self.case_bool),
            (.5, self.condition_of_group)])
        return choice[1](depth - 1)

    def by_template(self, depth):
        return self.template(operators.TEMPLATES["bool"], depth)

    def case_bool(self, depth):
        return self.case("bool", depth)

    def condition_of_group(self, depth):
        return self.aggregate("bool", depth) if self.aggregating() else self.compare(depth)

    def compare(self, depth):
        kind = self.rng.choice(COMPARED)
        op = self.rng.choice(COMPARISONS if kind in SORTED and kind != "bool" else ["=", "!="])
        left, right = self.pair(kind, depth)
        if left is None or right is None:
            op = self.rng.choice(["=", "!="])
        return [op, left, right]

    def is_null(self, depth):
        kind = self.rng.choice(COMPARED + ["json"])
        return [self.rng.choice(["=", "!=", "is", "is_not"]), self.expr(kind, depth), None]

    def is_distinct(self, depth):
        return [self.rng.choice(["is", "is_not"]), *self.pair(self.rng.choice(COMPARED), depth)]

    def junction(self, depth):
        self.risky = True
        return [self.rng.choice(["and", "or"]),
                *(self.condition(depth) for _ in range(self.rng.randint(1, 3)))]

    def negation(self, depth):
        return ["not", self.condition(depth)]

    def between(self, depth):
        kind = self.rng.choice(["int", "num", "dbl", "text", "date", "ts"])
        left, low = self.pair(kind, depth)
        self.risky = True
        return [self.rng.choice(["between", "not_between"]), left, low, self.expr(kind, depth)]

    def member(self, depth):
        kind = self.rng.choice(["int", "text", "date", "num", "uuid", "ts", "bool", "dbl"])
        left = self.comparable(kind, depth)
        if not isinstance(left, str):
            left = self.column(kind, lambda c: c.bytewise) or left
        if self.chance(.25):
            many = self.select_of([kind], depth, rows="many")
        elif isinstance(left, str) and not left.startswith(":"):
            many = self.listed(kind)
        else:
            many = [self.literal(kind) for _ in range(self.rng.randint(1, 3))]
        self.risky = True
        return [self.rng.choice(["in", "in", "not_in"]), left, many]

    def exists(self, depth):
        found = ["exists", self.select_of(None, depth, rows="many")]
        return ["not", found] if self.chance(.3) else found

    def quantified(self, depth):
        kind = self.rng.choice(["int", "num", "date", "text"])
        left = self.column(kind, lambda c: c.bytewise) or \
            (["collate", {"value": "m"}, "binary"] if kind == "text" else self.literal(kind))
        if self.aggregating() and self.chance(.2):
            left = self.aggregate(kind, 1)
        many = self.select_of([kind], depth, rows="many") if self.chance(.4) else \
            self.listed(kind) if isinstance(left, str) else [self.literal(kind)]
        self.risky = True
        return [self.rng.choice(["any", "all"]), left, self.rng.choice(COMPARISONS), many]

    def tuples(self, depth):
        kinds = [self.rng.choice(["int", "text", "date", "num"])
                 for _ in range(self.rng.randint(2, 3))]
        left = ["tuple", *(self.comparable(k, 0) for k in kinds)]
        self.risky = True
        if self.chance(.5):
            return [self.rng.choice(COMPARISONS), left, ["tuple", *(self.expr(k, 0)
                                                                    for k in kinds)]]
        if self.chance(.3):
            many = self.select_of(kinds, depth, rows="many")
        else:
            many = [["tuple", *(self.literal(k) for k in kinds)]
                    for _ in range(self.rng.randint(1, 3))]
        return [self.rng.choice(["in", "not_in"]), left, many]

    # ---- aggregates ----

    def aggregating(self):
        return self.scope.groups is not None and not self.scope.inside

    def inside(self, make):
        """make() where the columns of a group are seen; nothing around it is."""
        scope = self.scope
        outer, scope.inside, scope.outer = scope.outer, True, None
        try:
            return make()
        finally:
            scope.inside, scope.outer = False, outer

    def aggregate(self, kind, depth):
        chosen = self.weighted(operators.AGGREGATES[kind])[1]
        if isinstance(chosen, str) and not all(s.unique for s in self.scope.sources):
            if kind != "text":
                return self.literal(kind) if kind != "array" else ["array", 1]
            chosen = ["max", "$textcolumn"]
        form = self.inside(lambda: self.ordered_aggregate(chosen) if isinstance(chosen, str)
                           else {"aggregate": self.fill(chosen, min(depth - 1, 1))})
        if None in form["aggregate"]:
            form["aggregate"] = ["min", self.literal(kind)] if kind in SORTED else ["count", "*"]
        if self.chance(.25):
            form["filter"] = self.inside(lambda: self.condition(1))
        return form["aggregate"] if list(form) == ["aggregate"] else form

    def ordered_aggregate(self, op):
        by = self.total_order(self.scope.sources)
        value = self.expr("int", 1) or 5
        if op == "string_agg":
            call = [op, self.expr("text", 1) or {"value": "none"}, self.special("sep")]
        elif op == "json_object_agg":
            key = self.scope.sources[0].key
            if len(self.scope.sources) > 1 or len(key) > 1:  # keys would come twice
                return {"aggregate": ["json_agg", value], "order_by": by}
            call, by = [op, ["cast", name(self.scope.sources[0].alias, key[0]), "text"], value], []
        else:
            call = [op, value]
        return {"aggregate": call, **({"order_by": by} if by else {})}

    # ---- order ----

    def order_entry(self, e, null=True):
        form = {self.rng.choice(["asc", "desc"]): e}
        if null or self.chance(.2):
            form["nulls"] = self.rng.choice(["first", "last"])
        return form if len(form) > 1 or "desc" in form or self.chance(.3) else e

    def total_order(self, sources):
        """Entries of order_by that leave no two rows equal; None if there are none."""
        out = []
        for source in sources:
            if source.key is None:
                return None
            for key in source.key:
                out.append(self.order_entry(name(source.alias, key), source.column(key).null))
        return out


def is_value(e):
    """Whether e is a literal or a param."""
    if isinstance(e, str):
        return e.startswith(":")
    return not isinstance(e, (list, dict)) or isinstance(e, dict) and "value" in e or \
        isinstance(e, list) and e[0] == "cast" and is_value(e[1])
