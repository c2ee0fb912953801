# SPDX-License-Identifier: MIT
"""Whether a reply of the daemon and a result of SQLAlchemy are the same.

Our reply says the type of each column; what SQLAlchemy gave must be a value of that
type. PostgreSQL is held to it strictly: an integer there is an integer here. The other
two have fewer types (MariaDB sums integers to decimals, SQLite keeps decimals as
floats), so there the value decides.
"""
import base64
import datetime
import decimal
import json
import math

CLASSES = {
    "smallint": (int,), "integer": (int,), "bigint": (int,),
    "numeric": (decimal.Decimal,), "real": (float,), "double": (float,),
    "boolean": (bool,), "text": (str,), "varchar": (str,), "char": (str,), "uuid": (str,),
    "bytes": (bytes, memoryview), "date": (datetime.date,), "time": (datetime.time,),
    "timestamp": (datetime.datetime,), "timestamptz": (datetime.datetime,),
    "json": (dict, list, str, int, float, bool, type(None)),
}
NUMBERS = {"smallint", "integer", "bigint", "numeric", "real", "double"}


class Different(Exception):
    pass


def moment_text(value):
    text = value.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def same_number(ours, theirs, kind):
    if kind in ("real", "double"):
        return math.isclose(float(ours), float(theirs), rel_tol=1e-12, abs_tol=1e-300)
    return decimal.Decimal(str(ours)) == decimal.Decimal(str(theirs))


def same(ours, theirs, kind, strict):
    if theirs is None or ours is None:
        return ours is None and theirs is None
    if strict and not isinstance(theirs, CLASSES[kind]):
        raise Different(f"a {kind} of ours is {theirs!r} of theirs")
    if kind in NUMBERS:
        return same_number(ours, theirs, kind)
    if kind == "boolean":
        return ours is bool(theirs)
    if kind == "bytes":
        return base64.b64decode(ours) == bytes(theirs)
    if kind == "json":
        theirs = json.loads(theirs) if isinstance(theirs, str) else theirs
        return ours == theirs
    if isinstance(theirs, (datetime.date, datetime.time)):
        theirs = moment_text(theirs)
    if isinstance(theirs, str) and kind.startswith("timestamp"):
        theirs = theirs.replace(" ", "T")
        theirs = theirs[:-7] if theirs.endswith(".000000") else theirs
    return ours == str(theirs)


def order_key(row):
    return [(v is None, str(type(v)), str(v)) for v in row]


def sort_key(row, kinds):
    """The same for a row of ours and the same row of theirs."""
    key = []
    for value, kind in zip(row, kinds):
        if value is None:
            key.append((1, "", 0.0))
        elif kind in NUMBERS:
            key.append((0, "", float(value)))
        elif kind == "boolean":
            key.append((0, "", float(bool(value))))
        elif isinstance(value, (datetime.date, datetime.time)):
            key.append((0, moment_text(value), 0.0))
        else:
            key.append((0, str(value), 0.0))
    return key


def check(reply, theirs, ordered, strict):
    """Raises Different. `theirs`: tuples of Python values."""
    if "error" in reply:
        raise Different(f"refused: {reply['error']}")
    kinds, ours = [t.split("(")[0] for t in reply["types"]], reply["rows"]
    theirs = [list(row) for row in theirs]
    if len(ours) != len(theirs):
        raise Different(f"{len(ours)} rows of ours, {len(theirs)} of theirs:\n{ours}\n{theirs}")
    if not ordered:
        ours = sorted(ours, key=lambda row: sort_key(row, kinds))
        theirs = sorted(theirs, key=lambda row: sort_key(row, kinds))
    for left, right in zip(ours, theirs):
        if len(left) != len(right):
            raise Different(f"{len(left)} columns of ours, {len(right)} of theirs")
        for a, b, kind in zip(left, right, kinds):
            if not same(a, b, kind, strict):
                raise Different(f"{kind}: {a!r} of ours, {b!r} of theirs\n{ours}\n{theirs}")
