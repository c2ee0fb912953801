# SPDX-License-Identifier: MIT
"""docs/COOKBOOK.md: its SQL, its SQLAlchemy and its requests do the same.

Entries run from the top of the page to its end; SQLAlchemy writes to a copy of its own.
"""
import datetime
import decimal
import json
import os
import re

import compare
import page
import pytest
import schema
import sqlalchemy
from daemon import ROOT
from test_oracle import contents, engine_of

PAGE = os.path.join(ROOT, "docs", "COOKBOOK.md")
ENTRY = re.compile(r"^### \d+\. ([^\n]+)\n\n```sql\n(.*?)\n```\n```python\n(.*?)\n```\n"
                   r"```\n(→ .*?)```$", re.M | re.S)
NAMES = {**vars(sqlalchemy), **schema.META.tables, "Decimal": decimal.Decimal,
         "datetime": datetime.datetime}


def last_value(python):
    """Runs lines of the page, which is ours; the last one is an expression."""
    names, lines = dict(NAMES), python.splitlines()
    exec("\n".join(lines[:-1]), names)
    return eval(lines[-1], names)


class Entry:
    def __init__(self, match):
        self.title, self.sql, python, example = match.groups()
        self.statement = last_value(python)
        self.example, = page.block(example, 1)
        self.reads = "select" in self.example.request["query"] or \
            not {"insert", "update", "delete"} & set(self.example.request["query"])


def entries():
    with open(PAGE, encoding="utf-8") as f:
        return [Entry(match) for match in ENTRY.finditer(f.read())]


ENTRIES = entries()


def check_rows(entry, reply, theirs, strict):
    ordered = bool(getattr(entry.statement, "_order_by_clauses", ()))
    reply = dict(reply)
    if "row" in reply:
        reply["rows"] = [reply["row"]]
    compare.check(reply, theirs, ordered, strict)


def test_every_entry(server, make_db, copies):
    db = make_db()
    theirs = engine_of(server, copies(server))
    ours = engine_of(server, db.name)
    strict = server.name == "postgresql"
    with db.client() as client, theirs.connect() as connection:
        for entry in ENTRIES:
            if strict:  # the page's SQL, before anything of this entry is written
                with ours.connect() as other, other.begin() as transaction:
                    plain = other.execute(sqlalchemy.text(entry.sql))
                    plain = plain.fetchall() if entry.reads else plain.rowcount
                    transaction.rollback()
            client.send_raw(entry.example.text.encode() + b"\n")
            reply = json.loads(client.recv_line())
            assert "error" not in reply, (entry.title, reply)
            assert page.strict(reply) == page.strict(json.loads(entry.example.answer)), entry.title
            with connection.begin():
                result = connection.execute(entry.statement)
                if entry.reads:
                    rows = result.fetchall()
                    check_rows(entry, reply, rows, False)
                else:
                    assert reply["rowcount"] == result.rowcount, entry.title
            if strict and entry.reads:
                compare.check(reply, plain, False, False)
            elif strict:
                assert plain == reply["rowcount"], entry.title
            with ours.connect() as other, connection.begin():
                assert contents(other) == contents(connection), entry.title
    ours.dispose()
    theirs.dispose()


def test_there_are_sixty():
    with open(PAGE, encoding="utf-8") as f:
        assert len(ENTRIES) == f.read().count("\n### ") >= 60
