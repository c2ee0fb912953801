# SPDX-License-Identifier: MIT
"""What a generated expression can name: the columns of the tables around it."""


class Col:
    """A column in sight. `bytewise`: its texts sort and compare alike everywhere."""

    def __init__(self, name, kind, null=True, wild=False, bytewise=True, plain=False):
        self.name, self.kind, self.null = name, kind, null
        self.wild, self.bytewise = wild, bytewise
        self.plain = plain  # a column of a table: its digits and length are known

    def nullable(self):
        return Col(self.name, self.kind, True, self.wild, self.bytewise, self.plain)


def name(alias, column):
    """alias.column as the language writes it."""
    if column.isidentifier() and column.isascii():
        return f"{alias}.{column}"
    return {"name": [alias, column]}


class Source:
    """A member of FROM. `key`: names of columns by which its rows have one order, but for
    rows that are equal as a whole, unless they are `unique`; or None."""

    def __init__(self, alias, cols, key, table=None, unique=False):
        self.alias, self.cols, self.key, self.table = alias, cols, key, table
        self.unique = unique or table is not None

    def nullable(self):
        return Source(self.alias, [c.nullable() for c in self.cols], self.key, self.table,
                      self.unique)

    def column(self, wanted):
        return next(c for c in self.cols if c.name == wanted)


class Scope:
    """One query. When it is grouped, `groups` are what may be shown ([(expr, Col)]),
    and `inside` says that we are within an aggregate, where all columns are seen."""

    def __init__(self, outer=None):
        self.outer, self.sources, self.groups, self.inside = outer, [], None, False
        self.sets = []  # what grouping sets are made of
        self.closed = False  # nothing of this query itself (its FROM is being made)

    def in_sight(self):
        """[(expression, Col)] of this query alone."""
        if self.groups is not None and not self.inside:
            return self.groups
        return [(name(s.alias, c.name), c) for s in self.sources for c in s.cols]

    def all(self):
        """[(expression, Col)], this query's first, then those around it."""
        found, scope = [], self
        while scope is not None:
            found += scope.in_sight()
            scope = scope.outer
        return found


def of_table(alias, table):
    cols = [Col(c.name, c.kind, c.null, c.wild, table.collated, True) for c in table.columns]
    return Source(alias, cols, list(table.key), table)
