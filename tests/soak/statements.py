# SPDX-License-Identifier: MIT
"""What the workloads ask, as a request of the daemon and as plain SQL.

Every statement carries a nonce: a read in its select list, a write in `returning`
where it has one. Its answer must bring the same nonce back, and just the row that was
asked for; whatever does not is told in `nonces` and is a crossed answer.
"""
import dataclasses


class Refused(Exception):
    """The outcome is certain: nothing happened. `code` is the error's."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Unknown(Exception):
    """It may have happened or not."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


@dataclasses.dataclass
class Answer:
    rows: list
    count: int


@dataclasses.dataclass
class Statement:
    query: dict          # for the daemon
    params: dict
    sql: str             # for a driver, with %s
    args: tuple
    writes: bool = False
    nonce: object = None  # what the last column must say
    rows: int = 1         # how many there must be, written or read

    def request(self):
        return {"query": self.query, "params": self.params} if self.params else \
            {"query": self.query}

    def seen(self, answer):
        """[nonce that was sent, what came], equal if all is well."""
        sent = self.nonce if self.nonce is not None else "count"
        if answer.count != self.rows:
            return [sent, f"{answer.count} rows"]
        if self.nonce is None:
            return [sent, sent]
        others = [row[-1] for row in answer.rows if row[-1] != sent]
        return [sent, others[0] if others else sent]


def read(table, columns, nonce, key=None, expected=1, lock=False):
    """Columns of one row by its key, or of all rows in the order of the key."""
    select, params, where, args = [*columns, {"nonce": ":nonce"}], {"nonce": nonce}, "", [nonce]
    query = {"select": select, "from": table}
    if key is None:
        query["order_by"] = [columns[0]]
        tail = f" order by {columns[0]}"
    else:
        query["where"], params["key"] = ["=", columns[0], ":key"], key
        where, tail = f" where {columns[0]} = %s", ""
        args.append(key)
    if lock:
        query["for"] = {"update": True}
        tail += " for update"
    return Statement(query, params, f"select {', '.join(columns)}, %s from {table}{where}{tail}",
                     tuple(args), nonce=nonce, rows=expected)


def total(table, column, nonce):
    """The sum over a table, in one row."""
    return Statement({"select": [{"total": ["sum", column]}, {"nonce": {"value": nonce}}],
                      "from": table}, {}, f"select sum({column}), %s from {table}", (nonce,),
                     nonce=nonce)


def update(table, set_query, set_sql, value, key, returning=None):
    """One column of one row: (column, JSON expression of :value), (column, SQL with %s)."""
    query = {"update": table, "set": dict([set_query]), "where": ["=", key[0], ":key"]}
    params = {"value": value, "key": key[1]}
    if returning is not None:
        query["returning"], params["nonce"] = [key[0], {"nonce": ":nonce"}], returning
    return Statement(query, params, f"update {table} set {set_sql[0]} = {set_sql[1]} "
                     f"where {key[0]} = %s", (value, key[1]), writes=True, nonce=returning)


def insert(table, row, nonce=None):
    query, params = {"insert": table, "rows": ":rows"}, {"rows": [row]}
    if nonce is not None:
        query["returning"], params["nonce"] = [{"nonce": ":nonce"}], nonce
    marks = ", ".join(["%s"] * len(row))
    return Statement(query, params, f"insert into {table} ({', '.join(row)}) values ({marks})",
                     tuple(row.values()), writes=True, nonce=nonce)
