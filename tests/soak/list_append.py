# SPDX-License-Identifier: MIT
"""Transactions of one to four steps that read lists and append to them.

A list is a row of `lists`, its members in a text, one blank before each. Every value
is appended once in a run. At a time a few keys are in use; they move on with the
number of transactions, so that no list grows long.
"""
from bank import fresh, slowly, sometimes
from statements import read, update

ACTIVE, PER_KEY = 6, 24

SCHEMA = """
create table lists (k integer not null primary key, v text not null);
"""


def script(keys):
    rows = ", ".join(f"({k}, '')" for k in range(keys))
    return SCHEMA + f"insert into lists (k, v) values {rows};\n"


def members(text):
    return [int(word) for word in text.split()]


class ListAppend:
    def __init__(self, isolation, keys):
        self.isolation, self.keys = isolation, keys

    def next(self, rng, number):
        first = number // PER_KEY * 2
        if first + ACTIVE > self.keys:
            return None  # the keys are used up
        steps = []
        for at in range(rng.randint(1, 4)):
            key = first + rng.randrange(ACTIVE)
            steps.append(["r", key, None] if rng.random() < 0.5 else
                         ["append", key, number * 8 + at])
        # Not at serializable: what a database promises there holds among such
        # transactions only.
        alone = len(steps) == 1 and self.isolation != "serializable" and rng.random() < 0.5
        manner = "alone" if alone else rng.choice(("at once", "one by one"))
        return {"f": "txn", "steps": steps, "manner": manner}

    def perform(self, session, op, rng):
        statements = [self._statement(step, rng) for step in op["steps"]]
        if op["manner"] == "alone":
            answers = [session.auto(statements[0])]
        elif op["manner"] == "at once":
            answers = session.pipeline(self.isolation, statements)
        else:
            session.begin(self.isolation)
            answers = slowly(session, statements, rng)
            session.commit()
        return {"steps": [self._done(step, answer)
                          for step, answer in zip(op["steps"], answers)]}

    def _statement(self, step, rng):
        f, key, value = step
        if f == "r":
            return read("lists", ("k", "v"), fresh(rng), key=key)
        return update("lists", ("v", ["||", "v", ":value"]), ("v", "concat(v, %s)"),
                      f" {value}", ("k", key), sometimes(rng))

    def _done(self, step, answer):
        f, key, _ = step
        if f == "r":
            return ["r", key, [v for row in answer.rows for v in members(row[1])]]
        return step
