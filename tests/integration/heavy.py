# SPDX-License-Identifier: MIT
"""Much work for little text: a table of numbers, and queries that multiply it."""

from daemon import program

SUMMANDS = ["a.n", "b.n", "c.n"]


def make_numbers(db, count=1000):
    """Creates the table `numbers` with n = 1…count, round the daemon."""
    values = ",".join(f"({i})" for i in range(1, count + 1))
    db.sql("CREATE TABLE numbers (n INTEGER PRIMARY KEY);"
           f"INSERT INTO numbers VALUES {values};")


def product(select, tables=2, **rest):
    """A select from numbers × numbers × … as a, b, c."""
    names = "abc"[:tables]
    return {"select": select, "from": {"a": "numbers"},
            "join": [{"cross": {name: "numbers"}} for name in names[1:]], **rest}


def endless(nonce=0):
    """A query that takes minutes: 10^9 sums. The nonce makes it one's own."""
    return product([["count", "*"]], 3,
                   where=[">", ["+", *SUMMANDS], 10 ** 6 + nonce])


def million():
    """1,000,000 rows of three columns, some 20 MB of JSON: only to be streamed."""
    return product(["a.n", {"m": "b.n"}, {"sum": ["+", "a.n", "b.n"]}])


def sanitized():
    """Whether the daemon is a build with a sanitizer: its memory figures mean nothing."""
    with open(program(), "rb") as f:
        data = f.read()
    return b"__asan_init" in data or b"__tsan_init" in data
