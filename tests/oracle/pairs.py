# SPDX-License-Identifier: MIT
"""How a statement is written down twice: for SQLAlchemy and for the daemon."""

ALL = ("postgresql", "mariadb", "sqlite")


class Pair:
    def __init__(self, title, statement, query, request):
        self.title, self.statement, self.query = title, statement, query
        self.on = request.pop("on", ALL)
        self.ordered = request.pop("ordered", None)
        self.request = {"query": query, **request}

    def is_ordered(self):
        if self.ordered is not None:
            return self.ordered
        return bool(getattr(self.statement, "_order_by_clauses", ()))


class Pairs(list):
    """pairs("title", statement, query, params=…, expect=…, on=("postgresql",)).

    `on` names the databases where SQLAlchemy's own statement gives what the language
    promises; leave one out only where its SQL means something else there.
    """

    def __call__(self, title, statement, query, **request):
        assert title not in {p.title for p in self}, title
        self.append(Pair(title, statement, query, request))


def v(value):
    return {"value": value}
