# SPDX-License-Identifier: MIT
"""Literals and params of every type, and the small things that operators take as
arguments beside expressions (patterns, units, paths, formats)."""
import schema

ALPHABET = "abcxyzABZ 0129éÉßİ😀%_\\'\"-$?:"
# What a hostile client would send; statements must not care.
HOSTILE = ["'", "''", '"', "`", "--", "-- x\n", "/*", "*/", "/*!50000 x */", ";", "'; drop table x",
           "$1", "?", ":x", "::text", "$$", "$tag$", "\\", "\\'", "%", "_", "{}", "[]", "null",
           "\u2028", "😀" * 20, "İß", "\t\r\n", "\x01", "a" * 300, "U&'\\0041'", "E'\\n'", "0x41"]

UNITS = ["year", "quarter", "month", "week", "day", "hour", "minute", "second"]
FIELDS = ["year", "quarter", "month", "week", "day", "dow", "isodow", "doy"]
CLOCK_FIELDS = ["hour", "minute", "second", "microsecond"]
PATTERNS = ["a%", "%b", "%a%", "_da", "%", "", "bob", "50\\%", "%é%", "İ%", "ST%", "a\\_b", "😀%"]
REGEXPS = ["^a", "b$", "[abc]+", "a.*b", "^[A-Z]", "x|y", "l{1,2}o"]
SPANS = ["P1D", "PT1H30M", "P1M", "P1Y2M3DT4H5M6S", "PT0.5S", "P7D", "-P1M", "PT0S"]
PATHS = [["a"], ["b"], ["b", 0], ["b", 2, "c"], ["list", 1], ["missing"], [0], ["a", "x"],
         ["quo\"te"], ["flag"], ["t"]]
TYPE_NAMES = {"int": "bigint", "num": "numeric(12,4)", "dbl": "double", "text": "text",
              "bool": "boolean", "date": "date", "time": "time", "ts": "timestamp",
              "tz": "timestamptz", "uuid": "uuid", "bytes": "bytes", "json": "json",
              "span": "interval"}
NATURAL = {"int", "text", "bool"}  # their JSON form says their type


class Values:
    """Makes values from a random source; params are collected in `params`."""

    def __init__(self, rng, hostile=False):
        self.rng, self.hostile, self.params = rng, hostile, {}

    def text(self):
        r = self.rng
        if self.hostile and r.random() < 0.8:
            return "".join(r.choice(HOSTILE) for _ in range(r.randint(1, 3)))
        if r.random() < 0.6:
            return r.choice(schema.NAMES)
        return "".join(r.choice(ALPHABET) for _ in range(r.randint(0, 6)))

    def data(self, kind):
        """A value as it stands in params or in {"value": …}."""
        r = self.rng
        if kind == "int":
            return r.choice([0, 1, 2, 3, 5, -1, -3, 7, 10, 12, 20, 100]) if r.random() < 0.97 \
                else r.choice([2 ** 31, -2 ** 31, 2 ** 53 + 1, 10 ** 12, 2 ** 63 - 1, -2 ** 63])
        if kind == "num":
            return r.choice(["0.00", "1.50", "-2.25", "12.50", "100", "0.01", "7.7700", "-0.5"])
        if kind == "dbl":
            return r.choice([0, 0.5, -1.25, 2.75, 10.5, -3, 100.125])
        if kind == "text":
            return self.text()
        if kind in ("date", "ts") and r.random() < .03:
            return r.choice(schema.FAR_DATES if kind == "date" else schema.FAR_STAMPS)
        return r.choice({
            "bool": [True, False], "date": [d for d in schema.DATES if d],
            "time": [t for t in schema.TIMES if t], "ts": [s for s in schema.STAMPS if s],
            "tz": [z for z in schema.INSTANTS if z],
            "uuid": [schema.uuid(i) for i in range(10)], "bytes": ["", "AAEC", "/w==", "AQID"],
            "json": [d for d in schema.DOCS if d is not None], "span": SPANS}[kind])

    def param(self, value):
        name = f"p{len(self.params)}"
        self.params[name] = value
        return ":" + name

    def bare(self, kind):
        """A value that takes its type from what it stands beside."""
        r, value = self.rng, self.data(kind)
        if r.random() < 0.5:
            return self.param(value)
        if kind in ("int", "bool") or kind == "dbl":
            return value
        if kind == "num" and r.random() < 0.5:
            return float(value)
        return {"value": value}

    def literal(self, kind):
        """A value that says its type by itself."""
        r, value = self.rng, self.data(kind)
        if kind == "num" and r.random() < 0.5:
            return r.choice([1.5, 0.25, -2.5, 10.75])
        if kind in NATURAL and r.random() < 0.85:
            return self.bare(kind)
        name = TYPE_NAMES[kind]
        if r.random() < 0.5 and kind != "json":
            return ["cast", self.param(value), name]
        return {"value": value, "type": name}

    def listed(self, kind):
        """A list for `in`: members in code, or an array in a param."""
        r = self.rng
        data = [self.data(kind) for _ in range(r.randint(0, 4))]
        if kind == "dbl":
            data = [float(d) for d in data]
        if kind == "int" and data and r.random() < .05:
            data.append(r.choice([1.5, 2.0, 3000000000, 70000]))
        if r.random() < 0.5:
            return self.param(data)
        return [d if kind in ("int", "bool", "dbl") else {"value": d} for d in data] + \
            ([None] if r.random() < 0.05 else [])

    def special(self, what):
        """#name in a template."""
        r = self.rng
        if what == "nonzero":
            return r.choice([1, 2, 3, 7, -2, 10])
        if what == "nonzeronum":
            return r.choice([1.5, 0.25, -2.5, {"value": "4.00", "type": "numeric(10,2)"}])
        if what == "nonzerodbl":
            return {"value": r.choice([0.5, -4, 2, 0.25]), "type": "double"}
        if what in ("pos", "count"):
            return r.choice([1, 1, 2, 3, 5, 40, self.param(r.randint(1, 4))]) if what == "pos" \
                else r.choice([0, 1, 2, 3, 8, self.param(r.randint(0, 4))])
        if what == "shift":
            return r.choice([0, 1, 2, 7, 31, 32, 62, 63, 64, -1] if r.random() < 0.1
                            else [0, 1, 2, 7, 31])
        if what == "digits":
            return r.choice([0, 1, 2, 3])
        if what == "smalldbl":
            return {"value": r.choice([0, 0.5, -1.25, 2, 3]), "type": "double"}
        if what == "unitdbl":
            return {"value": r.choice([0, 0.5, -0.25, 1, -1]), "type": "double"}
        if what == "path":
            path = list(r.choice(PATHS))
            return self.param(path) if r.random() < 0.3 else path
        if what == "leaf":
            return list(r.choice([["a"], ["t"], ["flag"], ["b", 2, "c"], ["list", 1], [0]]))
        if what in ("pattern", "affix", "chars", "sep"):
            if self.hostile:
                value = self.text()
            else:
                value = r.choice({"pattern": PATTERNS, "affix": ["a", "b", "", "50%", "_", "é",
                                                                 "ß", "\\", "😀"],
                                  "chars": ["a", "ab", " ", "xyz", "]^-", "é"],
                                  "sep": [",", "", " | ", "'", "é", "\\"]}[what])
            return self.param(value) if r.random() < 0.4 else {"value": value}
        words = {"unit": UNITS, "field": FIELDS, "clockfield": CLOCK_FIELDS,
                 "dayunit": UNITS[:5]}
        if what in words:
            return r.choice(words[what])
        texts = {"regexp": REGEXPS, "format": ["%Y-%m-%d", "%H:%M:%S", "%j", "%Y/%m", "%d.%m.%Y"],
                 "escape": ["\\", "!", "#"]}
        return {"value": r.choice(texts[what])}
