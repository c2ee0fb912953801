# SPDX-License-Identifier: MIT
"""The examples of a page: what is sent, its SQL on each database, and the answer.

An example is a fenced block that begins with an arrow:

    → {"query": …}                a request
    sql: …                        its SQL where all databases have the same, or
    postgresql: …                 … a line for each of the three
    ← {"columns": …}              the answer, the same from all three

A request without `←` is one whose answer is not shown; SQL lines may be left out.
Examples run from the top of the page to its end, on one copy of the fixture for
each database. As a program it fills in the SQL and the answers of all examples:

    python3 tests/integration/page.py docs/SQL.md                   then look at the diff
    python3 tests/integration/page.py docs/COOKBOOK.md --answers    the answers alone
"""
import json
import os
import re
import sys

DATABASES = ["postgresql", "mariadb", "sqlite"]
# Said in prose, or different from run to run and between databases.
FREE = {"message", "hint", "db"}
OWN = {"native", "sqlstate"}  # what only some databases say of their errors


class Example:
    def __init__(self, request, line):
        self.text, self.line = request, line
        self.request = json.loads(request)
        self.sql = {}       # database → SQL, or {"sql": …} for all
        self.answer = None  # the line as it is on the page

    def sql_of(self, database):
        return self.sql.get("sql", self.sql.get(database))

    def lines(self):
        yield "→ " + self.text
        for name in ["sql"] + DATABASES:
            if name in self.sql:
                yield f"{name}: {self.sql[name]}"
        if self.answer is not None:
            yield "← " + self.answer


def parts(text):
    """The page as a list of plain texts and lists of examples, in turn."""
    found, at = [], 0
    for match in re.finditer(r"^```\n(→ .*?)^```$", text, re.M | re.S):
        found.append(text[at:match.start(1)])
        found.append(block(match.group(1), text.count("\n", 0, match.start(1)) + 1))
        at = match.end(1)
    return found + [text[at:]]


def block(body, first_line):
    examples = []
    for number, line in enumerate(body.splitlines(), first_line):
        mark, _, rest = line.partition(" ")
        rest = rest.strip()
        if mark == "→":
            examples.append(Example(rest, number))
        elif mark == "←":
            examples[-1].answer = rest
        elif mark.rstrip(":") in DATABASES + ["sql"]:
            examples[-1].sql[mark.rstrip(":")] = rest
        else:
            raise ValueError(f"line {number}: {line!r} is no line of an example")
    return examples


def examples_of(path):
    with open(path, encoding="utf-8") as f:
        return [e for part in parts(f.read()) if isinstance(part, list) for e in part]


def strict(value):
    if isinstance(value, dict):
        return {k: "…" if k in FREE else strict(v) for k, v in value.items() if k not in OWN}
    return [strict(v) for v in value] if isinstance(value, list) else value


def compiled(client, request, database):
    """The SQL of a request on this database, which the page calls shop; None where it
    is refused."""
    if request.get("op", "query") != "query":
        return None
    wanted = {k: v for k, v in request.items() if k in ("query", "params", "expect", "keys")}
    answer = client.ask({"op": "compile", **wanted})
    return None if "error" in answer else answer["sql"].replace(f"`{database}`.", "`shop`.")


def fill_sql(example, clients):
    sql = {name: compiled(client, example.request, "shop") for name, client in clients.items()}
    sql = {name: text for name, text in sql.items() if text is not None}
    same = len(sql) == len(clients) and len(set(sql.values())) == 1
    example.sql = {"sql": next(iter(sql.values()))} if same else sql


def fill_answer(example, clients):
    """What the servers say; the databases must agree."""
    lines = {}
    for name, client in clients.items():
        client.send_raw(example.text.encode() + b"\n")
        lines[name] = client.recv_line().decode()
    answers = {name: strict(json.loads(line)) for name, line in lines.items()}
    if any(answer != answers["postgresql"] for answer in answers.values()):
        print(f"line {example.line}: the databases disagree:", file=sys.stderr)
        for name, line in lines.items():
            print(f"  {name}: {line}", file=sys.stderr)
    example.answer = lines["postgresql"]


def main(path, answers_only):
    import conftest
    import fixture
    from servers import MariaDB, Postgresql
    with Postgresql() as postgresql, MariaDB() as mariadb:
        fixture.load(postgresql, "shop")
        fixture.load(mariadb, "shop")
        sqlite = conftest.Sqlite()
        fixture.load_sqlite(sqlite.path("shop"))
        dbs = {s.name: conftest.Db(s, "shop", settings=SETTINGS)
               for s in (postgresql, mariadb, sqlite)}
        clients = {name: db.client() for name, db in dbs.items()}
        with open(path, encoding="utf-8") as f:
            pieces = parts(f.read())
        for piece in pieces:
            for example in piece if isinstance(piece, list) else []:
                if not answers_only:
                    fill_sql(example, clients)
                fill_answer(example, clients)
        with open(path, "w", encoding="utf-8") as f:
            for piece in pieces:
                f.write(piece if isinstance(piece, str) else
                        "".join(line + "\n" for e in piece for line in e.lines()))
        for client in clients.values():
            client.close()
        for db in dbs.values():
            db.daemon.stop()


# What the examples need beyond the defaults of a database.
SETTINGS = {"functions": ["percentile_cont", "percentile_disc"]}

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main(sys.argv[1], "--answers" in sys.argv[2:])
