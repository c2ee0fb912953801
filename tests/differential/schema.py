# SPDX-License-Identifier: MIT
"""The tables of the differential tests: what a generated statement can name.

Every type that all three databases have, with NULLs, unicode, quotes and extremes,
an empty table, keys of one and of two columns, foreign keys, names that must be
quoted. Texts have bytewise collations everywhere, so that orders are comparable;
`loose` has each database's default one and is only ever shown.

The rows are data of the generator (`rows()`), sent through the daemon itself.
"""
import base64

DIALECTS = ("postgresql", "mariadb", "sqlite")

# kind → how a column is declared on (postgresql, mariadb, sqlite)
DECLARED = {
    "smallint": ("SMALLINT", "SMALLINT", "SMALLINT"),
    "integer": ("INTEGER", "INTEGER", "INTEGER"),
    "bigint": ("BIGINT", "BIGINT", "BIGINT"),
    "numeric2": ("NUMERIC(12,2)", "NUMERIC(12,2)", "NUMERIC(12,2)"),
    "numeric4": ("NUMERIC(14,4)", "NUMERIC(14,4)", "NUMERIC(14,4)"),
    "double": ("DOUBLE PRECISION", "DOUBLE", "DOUBLE"),
    "real": ("REAL", "FLOAT", "REAL"),
    "boolean": ("BOOLEAN", "BOOLEAN", "BOOLEAN"),
    "varchar": ("VARCHAR(40)", "VARCHAR(40)", "VARCHAR(40)"),
    "text": ("TEXT", "TEXT", "TEXT"),
    "uuid": ("UUID", "UUID", "UUID"),
    "bytes": ("BYTEA", "LONGBLOB", "BLOB"),
    "date": ("DATE", "DATE", "DATE"),
    "time": ("TIME", "TIME(6)", "TIME"),
    "timestamp": ("TIMESTAMP", "DATETIME(6)", "DATETIME"),
    "timestamptz": ("TIMESTAMPTZ", "TIMESTAMP(6)", "TIMESTAMPTZ"),
    "json": ("JSONB", "JSON", "JSON"),
}

# What the generator calls a type: exact integers are one kind, and so on.
KIND = {"smallint": "int", "integer": "int", "bigint": "int", "numeric2": "num",
        "numeric4": "num", "double": "dbl", "real": "dbl", "boolean": "bool",
        "varchar": "text", "text": "text", "uuid": "uuid", "bytes": "bytes", "date": "date",
        "time": "time", "timestamp": "ts", "timestamptz": "tz", "json": "json"}


class Column:
    """`wild` columns hold extremes: arithmetic on them is mostly an error."""

    def __init__(self, name, declared, null=True, wild=False):
        self.name, self.declared, self.null, self.wild = name, declared, null, wild
        self.kind = KIND[declared]


class Table:
    def __init__(self, name, columns, key, unique=(), foreign=(), collated=True):
        self.name, self.key, self.unique, self.foreign = name, key, unique, foreign
        self.columns, self.collated = columns, collated

    def column(self, name):
        return next(c for c in self.columns if c.name == name)


def columns(text):
    """`name type marks`, a line each; `!` not null, `*` wild."""
    parts = [(line.split() + [""])[:3] for line in text.strip().splitlines()]
    return [Column(name, declared, "!" not in marks, "*" in marks)
            for name, declared, marks in parts]


THINGS = Table("things", columns("""
    id integer !
    small smallint
    num integer
    must integer !
    big bigint *
    cents numeric2
    rate numeric4
    amount double
    wild double *
    ratio real
    flag boolean
    sure boolean !
    name varchar
    label varchar !
    body text
    tag uuid
    raw bytes
    born date
    starts time
    made timestamp
    seen timestamptz
    doc json
    parent integer"""), ("id",), foreign=[(("parent",), "things", ("id",))])
PARTS = Table("parts", columns("""
    thing_id integer !
    line smallint !
    qty integer
    price numeric2
    weight double
    note varchar
    due date
    done boolean"""), ("thing_id", "line"), foreign=[(("thing_id",), "things", ("id",))])
SORTS = Table("sorts", columns("""
    id bigint !
    title varchar !
    factor double
    since timestamp"""), ("id",), unique=[("title",)])
LINKS = Table("links", columns("""
    thing_id integer !
    sort_id bigint !
    level integer"""), ("thing_id", "sort_id"),
    foreign=[(("thing_id",), "things", ("id",)), (("sort_id",), "sorts", ("id",))])
HOLLOW = Table("hollow", columns("""
    id integer !
    num integer
    cents numeric2
    amount double
    name varchar
    flag boolean
    born date
    made timestamp"""), ("id",))
LOOSE = Table("loose", columns("""
    id integer !
    word varchar
    story text"""), ("id",), collated=False)
ODD = Table("odd.ta\"b`le", [Column("id", "integer", null=False),
                             Column("col umn", "integer"), Column("a.b", "varchar"),
                             Column("sel\"ect", "double"), Column("back`tick", "date"),
                             Column("éß", "integer"), Column("$1 ? :x --", "varchar")],
            ("id",))
WORK = Table("work", columns("""
    id integer !
    num integer
    code integer
    big bigint *
    name varchar
    cents numeric2
    amount double
    flag boolean
    born date
    made timestamp
    must integer !"""), ("id",), unique=[("code",)])
ITEMS = Table("work_items", columns("""
    work_id integer !
    line integer !
    qty integer
    note varchar"""), ("work_id", "line"), foreign=[(("work_id",), "work", ("id",))])

READ = [THINGS, PARTS, SORTS, LINKS, HOLLOW, LOOSE, ODD]
SCRATCH = [WORK, ITEMS]
TABLES = READ + SCRATCH


def quote(dialect, name):
    mark = "`" if dialect == "mariadb" else '"'
    return mark + name.replace(mark, mark * 2) + mark


def create(dialect, table):
    at = DIALECTS.index(dialect)

    def names(cols):
        return ", ".join(quote(dialect, c) for c in cols)
    lines = []
    for c in table.columns:
        null = "" if c.null else " NOT NULL"
        if dialect == "mariadb" and c.declared == "timestamptz":
            null = " NULL DEFAULT NULL"  # else it would mean NOT NULL
        lines.append(f"{quote(dialect, c.name)} {DECLARED[c.declared][at]}{null}")
    lines.append(f"PRIMARY KEY ({names(table.key)})")
    lines += [f"UNIQUE ({names(u)})" for u in table.unique]
    lines += [f"FOREIGN KEY ({names(here)}) REFERENCES {quote(dialect, there)} ({names(to)})"
              for here, there, to in table.foreign]
    tail = ""
    if dialect == "mariadb":
        tail = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4" + \
            (" COLLATE=utf8mb4_nopad_bin" if table.collated else "")
    return f"CREATE TABLE {quote(dialect, table.name)} (\n  " + ",\n  ".join(lines) + \
        f"\n){tail};\n"


def script(dialect):
    return "".join(create(dialect, t) for t in TABLES)


# ---- rows ----

NAMES = ["Ada", "ada", "Bob", "bob ", " bob", "", "é", "É", "straße", "STRASSE", "İstanbul",
         "😀 smile", "50%", "a_b", "back\\slash", "quo'te", 'dou"ble', "--", "/* x */", "NULL",
         "x,y,z", "aaa", "abcabc", "ÀÉÎ"]
BODIES = [None, "", "lorem ipsum dolor", "a-b-c", "😀😀", "tab\there", "line\nbreak", "ß", "42",
          "-7", "3.50", "true", "2024-02-29", "not a number", "  padded  ", "é" * 30]
BIG = [2 ** 63 - 1, -2 ** 63, 0, 1, -1, 2 ** 53 + 1, None, 10 ** 15, -10 ** 15, 2 ** 31, 7]
WILD = [1e300, -1e300, 1e-100, -1e-100, 0.0, -0.5, None, 1.7976931348623157e308, 123456.789, 0.1]
CENTS = ["0.00", "12.50", "-3.25", None, "999999.99", "0.01", "100.00", "-0.01", "7.77"]
RATES = ["0.0000", "1.2345", None, "-2.5000", "1000.0001", "0.0001", "3.1416", "-0.5000"]
DATES = ["2024-02-29", "2023-12-31", None, "2000-01-01", "1969-07-20", "2024-01-31",
         "1899-12-31", "2024-03-31", "2025-05-05"]
FAR_DATES = ["9999-12-31", "0001-01-01"]  # only in literals: most arithmetic on them fails
FAR_STAMPS = ["9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"]
TIMES = ["00:00:00", "23:59:59.999999", None, "12:30:00", "06:15:30.500000"]
STAMPS = ["2024-02-29T12:34:56", "1999-12-31T23:59:59.999999", None, "2024-03-31T00:00:00",
          "1970-01-01T00:00:00", "2023-01-31T23:59:59", "1850-06-01T00:00:00",
          "2020-07-04T05:06:07.000001"]
INSTANTS = ["2024-02-29T12:34:56Z", None, "1971-01-01T00:00:00Z", "2037-12-31T23:59:59Z",
            "2024-10-27T00:30:00.250000Z", "2000-06-15T18:00:00Z"]
DOCS = [None, {"a": 1, "b": [1, 2, {"c": "deep"}], "t": "text"}, [], {}, [1, "two", None, True],
        {"a": None, "b": {}, "flag": True}, "string", 42, -1.5, False,
        {"a": "é😀", "quo\"te": 1, "b": [[]]}, {"a": 2.5, "list": [3, 1, 2]}]


def pick(values, i, step=1):
    return values[i * step % len(values)]


def uuid(i):
    return f"{i * 2654435761 % 2 ** 32:08x}-{i:04x}-4{i % 4096:03x}-8{i * 7 % 4096:03x}-" \
        f"{i * 40503 % 2 ** 48:012x}"


def thing(i):
    return {"id": i, "small": None if i % 7 == 3 else (i * 5) % 23 - 11,
            "num": None if i % 5 == 2 else (i * 7) % 13 - 4, "must": (i * 3) % 8,
            "big": pick(BIG, i), "cents": pick(CENTS, i), "rate": pick(RATES, i),
            "amount": None if i % 6 == 4 else ((i * 11) % 17 - 8) / 4, "wild": pick(WILD, i),
            "ratio": None if i % 8 == 5 else (i % 5) / 2 - 1,
            "flag": (True, False, None)[i % 3], "sure": i % 4 != 0,
            "name": None if i % 9 == 6 else pick(NAMES, i), "label": pick(NAMES, i, 5),
            "body": pick(BODIES, i), "tag": None if i % 6 == 5 else uuid(i % 10),
            "raw": None if i % 4 == 3 else base64.b64encode(bytes(range(i % 5, i))).decode(),
            "born": pick(DATES, i), "starts": pick(TIMES, i), "made": pick(STAMPS, i),
            "seen": pick(INSTANTS, i), "doc": pick(DOCS, i),
            "parent": None if i < 4 else i // 3}


def part(n):
    i, line = n // 3 + 1, n % 3 + 1
    return {"thing_id": i, "line": line, "qty": None if n % 6 == 1 else n % 9 - 2,
            "price": pick(CENTS[:4] + CENTS[5:], n), "weight": None if n % 5 == 0 else n / 8,
            "note": None if n % 7 == 2 else pick(NAMES, n, 3), "due": pick(DATES[:5], n),
            "done": (None, True, False, True)[n % 4]}


def work(i):
    return {"id": i, "num": None if i % 4 == 3 else i % 5, "code": None if i == 4 else i * 10,
            "big": pick(BIG, i), "name": pick(NAMES, i, 2), "cents": pick(CENTS, i),
            "amount": i / 4, "flag": (True, False, None)[i % 3], "born": pick(DATES, i),
            "made": pick(STAMPS, i), "must": i * 2}


def rows(table):
    """The rows of a table, always the same."""
    if table.name == "things":
        return [thing(i) for i in range(1, 25)]
    if table.name == "parts":
        return [part(n) for n in range(36)]
    if table.name == "sorts":
        return [{"id": i * 10, "title": pick(NAMES, i * 4), "factor": None if i == 3 else i / 2,
                 "since": pick(STAMPS[:5], i)} for i in range(1, 6)]
    if table.name == "links":
        return [{"thing_id": i, "sort_id": (i * j) % 5 * 10 + 10, "level": (i + j) % 4 or None}
                for i in range(1, 13) for j in (1, 2) if j == 1 or i % 5]
    if table.name == "loose":
        return [{"id": i, "word": pick(NAMES, i), "story": pick(BODIES, i)} for i in range(1, 9)]
    if table.name == ODD.name:
        return [{"id": i, "col umn": i % 3, "a.b": pick(NAMES, i), "sel\"ect": i / 2,
                 "back`tick": pick(DATES, i), "éß": None if i == 2 else i,
                 "$1 ? :x --": pick(NAMES, i, 3)} for i in range(1, 6)]
    if table.name == "work":
        return [work(i) for i in range(1, 9)]
    if table.name == "work_items":
        return [{"work_id": i, "line": j, "qty": i * j % 4 or None, "note": pick(NAMES, i * j)}
                for i in range(1, 6) for j in (1, 2)]
    return []
