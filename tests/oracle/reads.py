# SPDX-License-Identifier: MIT
"""Reads. Where an order is asked for it is total, so that rows can be compared."""
import datetime
import operator
from decimal import Decimal

from pairs import ALL, Pairs, v
from schema import (accounts, addresses, courses, departments, employees, log_entries, orders,
                    post_tags, posts, profiles, student_courses, students, tags, users, votes)
from sqlalchemy import (Date, Float, Integer, Numeric, String, and_, asc, between, bindparam,
                        case, cast, column, desc, distinct, except_, exists, extract, false,
                        func, intersect, lateral, literal, not_, nullsfirst, nullslast, null,
                        or_, select, text, true, tuple_, type_coerce, union, union_all,
                        values)
from sqlalchemy.dialects import mysql

DOUBLE = Float(53).with_variant(mysql.DOUBLE(), "mysql")
PAIRS = pairs = Pairs()
u, a, o, e, d = users.c, addresses.c, orders.c, employees.c, departments.c
DAY = datetime.datetime(2024, 1, 3)

# ---- comparisons: each operator on each sort of column ----

COMPARE = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
           ">": operator.gt, ">=": operator.ge}
COLUMNS = [("age", 25, 25), ("salary", Decimal("50000.00"), "50000.00"), ("name", "Bob", "Bob"),
           ("created_at", DAY, "2024-01-03T00:00:00")]
for op, function in COMPARE.items():
    for name, theirs, ours in COLUMNS:
        pairs(f"{name} {op} a param", select(u.id).where(function(u[name], theirs)),
              {"select": ["id"], "from": "users", "where": [op, name, ":x"]}, params={"x": ours})
    pairs(f"age {op} a literal", select(u.id).where(function(u.age, 30)),
          {"select": ["id"], "from": "users", "where": [op, "age", 30]})
    pairs(f"two columns {op}", select(u.id).where(function(u.name, u.first_name)),
          {"select": ["id"], "from": "users", "where": [op, "name", "first_name"]})
    pairs(f"total {op} a float", select(orders.c.id).where(function(o.total, 500.0)),
          {"select": ["id"], "from": "orders", "where": [op, "total", 500.0]})

pairs("equal null", select(u.id).where(u.email == null()),
      {"select": ["id"], "from": "users", "where": ["=", "email", None]})
pairs("not equal null", select(u.id).where(u.email != null()),
      {"select": ["id"], "from": "users", "where": ["!=", "email", None]})
pairs("is null", select(u.id).where(u.bio.is_(None)),
      {"select": ["id"], "from": "users", "where": ["is", "bio", None]})
pairs("is not null", select(u.id).where(u.bio.is_not(None)),
      {"select": ["id"], "from": "users", "where": ["is_not", "bio", None]})
pairs("is distinct from", select(u.id).where(u.bio.is_distinct_from("hi")),
      {"select": ["id"], "from": "users", "where": ["is_not", "bio", v("hi")]})
pairs("is not distinct from", select(u.id).where(u.bio.is_not_distinct_from("hi")),
      {"select": ["id"], "from": "users", "where": ["is", "bio", v("hi")]})
pairs("a boolean column", select(u.id).where(u.is_active),
      {"select": ["id"], "from": "users", "where": "is_active"})
pairs("not a boolean column", select(u.id).where(not_(u.is_active)),
      {"select": ["id"], "from": "users", "where": ["not", "is_active"]})
pairs("boolean is true", select(u.id).where(u.is_active == true()),
      {"select": ["id"], "from": "users", "where": ["=", "is_active", True]})
pairs("boolean is false", select(u.id).where(u.is_active == false()),
      {"select": ["id"], "from": "users", "where": ["=", "is_active", False]})
pairs("a date", select(posts.c.id).where(posts.c.date >= datetime.date(2025, 1, 1)),
      {"select": ["id"], "from": "posts", "where": [">=", "date", v("2025-01-01")]})

# ---- and, or, not, between, in ----

pairs("and", select(u.id).where(and_(u.age > 20, u.city == "Tehran", u.is_active)),
      {"select": ["id"], "from": "users",
       "where": ["and", [">", "age", 20], ["=", "city", v("Tehran")], "is_active"]})
pairs("or", select(u.id).where(or_(u.age < 20, u.age > 50)),
      {"select": ["id"], "from": "users", "where": ["or", ["<", "age", 20], [">", "age", 50]]})
pairs("or inside and", select(u.id).where(and_(or_(u.name == "Bob", u.name == "John"),
                                               u.age > 50)),
      {"select": ["id"], "from": "users",
       "where": ["and", ["or", ["=", "name", v("Bob")], ["=", "name", v("John")]],
                 [">", "age", 50]]})
pairs("not of or", select(u.id).where(not_(or_(u.age < 20, u.bio == "hi"))),
      {"select": ["id"], "from": "users",
       "where": ["not", ["or", ["<", "age", 20], ["=", "bio", v("hi")]]]})
pairs("between", select(u.id).where(u.age.between(18, 40)),
      {"select": ["id"], "from": "users", "where": ["between", "age", 18, 40]})
pairs("not between", select(u.id).where(not_(between(u.age, 18, 40))),
      {"select": ["id"], "from": "users", "where": ["not_between", "age", 18, 40]})
pairs("between dates", select(posts.c.id).where(
    posts.c.date.between(datetime.date(2025, 1, 1), datetime.date(2025, 4, 1))),
      {"select": ["id"], "from": "posts",
       "where": ["between", "date", ":from", ":to"]},
      params={"from": "2025-01-01", "to": "2025-04-01"})
pairs("between columns", select(u.id).where(literal(30).between(u.id, u.age)),
      {"select": ["id"], "from": "users", "where": ["between", 30, "id", "age"]})
pairs("in", select(u.id).where(u.id.in_([1, 3, 5])),
      {"select": ["id"], "from": "users", "where": ["in", "id", [1, 3, 5]]})
pairs("in a param", select(u.id).where(u.name.in_(["Bob", "Ali"])),
      {"select": ["id"], "from": "users", "where": ["in", "name", ":names"]},
      params={"names": ["Bob", "Ali"]})
pairs("in nothing", select(u.id).where(u.id.in_([])),
      {"select": ["id"], "from": "users", "where": ["in", "id", []]})
pairs("not in", select(u.id).where(u.id.not_in([1, 3, 5])),
      {"select": ["id"], "from": "users", "where": ["not_in", "id", [1, 3, 5]]})
pairs("not in nothing", select(u.id).where(u.id.not_in([])),
      {"select": ["id"], "from": "users", "where": ["not_in", "id", ":none"]},
      params={"none": []})
pairs("in a subquery", select(u.id).where(u.id.in_(select(o.user_id).where(o.total > 100))),
      {"select": ["id"], "from": "users",
       "where": ["in", "id", {"select": ["user_id"], "from": "orders",
                              "where": [">", "total", 100]}]})
pairs("not in a subquery", select(u.id).where(u.id.not_in(select(o.user_id))),
      {"select": ["id"], "from": "users",
       "where": ["not_in", "id", {"select": ["user_id"], "from": "orders"}]})
pairs("not in a subquery with null",
      select(e.id).where(e.id.not_in(select(e.manager_id))),
      {"select": ["id"], "from": {"e": "employees"},
       "where": ["not_in", "e.id", {"select": ["manager_id"], "from": "employees"}]})
pairs("tuple in", select(votes.c.choice).where(
    tuple_(votes.c.user_id, votes.c.poll_id).in_([(1, 7), (2, 7)])),
      {"select": ["choice"], "from": "votes",
       "where": ["in", ["tuple", "user_id", "poll_id"], [["tuple", 1, 7], ["tuple", 2, 7]]]})
pairs("tuple greater", select(u.id).where(tuple_(u.age, u.id) > tuple_(25, 1)),
      {"select": ["id"], "from": "users",
       "where": [">", ["tuple", "age", "id"], ["tuple", 25, 1]]})
pairs("tuple equal", select(u.id).where(tuple_(u.age, u.city) == tuple_(25, "Tehran")),
      {"select": ["id"], "from": "users",
       "where": ["=", ["tuple", "age", "city"], ["tuple", 25, v("Tehran")]]})
pairs("exists", select(u.id).where(exists().where(o.user_id == u.id)),
      {"select": ["id"], "from": "users",
       "where": ["exists", {"select": [1], "from": "orders",
                            "where": ["=", "orders.user_id", "users.id"]}]})
pairs("not exists", select(u.id).where(~exists().where(o.user_id == u.id)),
      {"select": ["id"], "from": "users",
       "where": ["not", ["exists", {"select": [1], "from": "orders",
                                    "where": ["=", "orders.user_id", "users.id"]}]]})
pairs("any of a subquery", select(u.id).where(u.id == func.any_(
    select(o.user_id).where(o.total < 200).scalar_subquery())),
      {"select": ["id"], "from": "users",
       "where": ["any", "id", "=", {"select": ["user_id"], "from": "orders",
                                    "where": ["<", "total", 200]}]},
      on=())
pairs("all of a subquery", select(u.id).where(u.age >= select(func.max(u.age)).scalar_subquery()),
      {"select": ["id"], "from": {"x": "users"},
       "where": ["all", "x.age", ">=", {"select": ["age"], "from": "users"}]})
pairs("any of a list", select(u.id).where(or_(u.age < 18, u.age < 26)),
      {"select": ["id"], "from": "users", "where": ["any", "age", "<", [18, 26]]})
pairs("all of a list", select(u.id).where(and_(u.age > 18, u.age > 26)),
      {"select": ["id"], "from": "users", "where": ["all", "age", ">", [18, 26]]})

# ---- texts ----

for op, theirs in (("like", u.email.like("%o%")), ("not_like", u.email.not_like("%o%")),
                   ("ilike", u.email.ilike("%O%")), ("not_ilike", u.email.not_ilike("%O%"))):
    pairs(op, select(u.id).where(theirs),
          {"select": ["id"], "from": "users",
           "where": [op, "email", v("%O%" if "ilike" in op else "%o%")]})
pairs("like with an escape", select(u.id).where(u.email.like("%a!_%", escape="!")),
      {"select": ["id"], "from": "users", "where": ["like", "email", v("%a!_%"), v("!")]})
for op, theirs in (("startswith", u.name.startswith("A", autoescape=True)),
                   ("endswith", u.email.endswith("test.com", autoescape=True)),
                   ("contains", u.email.contains("@g", autoescape=True))):
    pairs(op, select(u.id).where(theirs),
          {"select": ["id"], "from": "users",
           "where": [op, "name" if op == "startswith" else "email",
                     v({"startswith": "A", "endswith": "test.com", "contains": "@g"}[op])]})
pairs("contains a percent sign", select(u.id).where(u.name.contains("%", autoescape=True)),
      {"select": ["id"], "from": "users", "where": ["contains", "name", v("%")]})
pairs("concatenation", select(u.id, u.first_name + " " + u.last_name).order_by(u.id),
      {"select": ["id", ["||", "first_name", v(" "), "last_name"]], "from": "users",
       "order_by": ["id"]})
pairs("concat with null", select(u.id, u.name + u.bio).order_by(u.id),
      {"select": ["id", ["concat", "name", "bio"]], "from": "users", "order_by": ["id"]})
for name in ("lower", "upper", "trim"):
    pairs(name, select(u.id, getattr(func, name)(u.name)).order_by(u.id),
          {"select": ["id", [name, "name"]], "from": "users", "order_by": ["id"]})
pairs("ltrim and rtrim", select(func.ltrim("  x "), func.rtrim("  x ")),
      {"select": [["ltrim", v("  x ")], ["rtrim", v("  x ")]]})
pairs("char_length", select(u.id, func.char_length(u.city)).order_by(u.id),
      {"select": ["id", ["length", "city"]], "from": "users", "order_by": ["id"]},
      on=("postgresql", "mariadb"))
pairs("substr", select(u.id, func.substr(u.name, 2, 2)).order_by(u.id),
      {"select": ["id", ["substr", "name", 2, 2]], "from": "users", "order_by": ["id"]})
pairs("substr to the end", select(u.id, func.substr(u.name, 3)).order_by(u.id),
      {"select": ["id", ["substr", "name", 3]], "from": "users", "order_by": ["id"]})
pairs("replace", select(u.id, func.replace(u.email, "com", "org")).order_by(u.id),
      {"select": ["id", ["replace", "email", v("com"), v("org")]], "from": "users",
       "order_by": ["id"]})
pairs("lpad", select(func.lpad(u.name, 8, ".")).order_by(u.id),
      {"select": [["lpad", "name", 8, v(".")]], "from": "users", "order_by": ["id"]},
      on=("postgresql", "mariadb"))
pairs("rpad", select(func.rpad(u.name, 3, ".")).order_by(u.id),
      {"select": [["rpad", "name", 3, v(".")]], "from": "users", "order_by": ["id"]},
      on=("postgresql", "mariadb"))
pairs("reverse", select(func.reverse(u.name)).order_by(u.id),
      {"select": [["reverse", "name"]], "from": "users", "order_by": ["id"]},
      on=("postgresql", "mariadb"))
pairs("repeat", select(func.repeat(u.name, 2)).order_by(u.id),
      {"select": [["repeat", "name", 2]], "from": "users", "order_by": ["id"]},
      on=("postgresql", "mariadb"))
pairs("position", select(func.strpos(u.email, "@")).order_by(u.id),
      {"select": [["position", v("@"), "email"]], "from": "users", "order_by": ["id"]},
      on=("postgresql",))
pairs("split_part", select(func.split_part(u.email, "@", 2)).order_by(u.id),
      {"select": [["split_part", "email", v("@"), 2]], "from": "users", "order_by": ["id"]},
      on=("postgresql",))
pairs("md5", select(func.md5(u.name)).order_by(u.id),
      {"select": [["md5", "name"]], "from": "users", "order_by": ["id"]},
      on=("postgresql", "mariadb"))
pairs("case-insensitive equality", select(u.id).where(func.lower(u.name) == "john"),
      {"select": ["id"], "from": "users", "where": ["=", ["lower", "name"], v("john")]})

# ---- numbers ----

pairs("plus", select(u.id, u.age + 1).order_by(u.id),
      {"select": ["id", ["+", "age", 1]], "from": "users", "order_by": ["id"]})
pairs("minus", select(u.id, u.age - u.id).order_by(u.id),
      {"select": ["id", ["-", "age", "id"]], "from": "users", "order_by": ["id"]})
pairs("times", select(u.id, u.age * u.id).order_by(u.id),
      {"select": ["id", ["*", "age", "id"]], "from": "users", "order_by": ["id"]})
pairs("negative", select(u.id, -u.age).order_by(u.id),
      {"select": ["id", ["-", "age"]], "from": "users", "order_by": ["id"]})
pairs("true division", select(u.id, cast(u.age, DOUBLE) / 2).order_by(u.id),
      {"select": ["id", ["/", "age", 2]], "from": "users", "order_by": ["id"]})
pairs("remainder", select(u.id, u.age % 7).order_by(u.id),
      {"select": ["id", ["%", "age", 7]], "from": "users", "order_by": ["id"]})
pairs("integer division", select(u.id, u.age.op("/")(7)).order_by(u.id),
      {"select": ["id", ["//", "age", 7]], "from": "users", "order_by": ["id"]},
      on=("postgresql", "sqlite"))
pairs("a raise of ten percent", select(e.id, e.salary * Decimal("1.1")).order_by(e.id),
      {"select": ["id", ["*", "salary", 1.1]], "from": "employees", "order_by": ["id"]})
pairs("abs", select(u.id, func.abs(u.age - 30)).order_by(u.id),
      {"select": ["id", ["abs", ["-", "age", 30]]], "from": "users", "order_by": ["id"]})
pairs("round", select(func.round(literal(Decimal("2.5"), Numeric(3, 1)))),
      {"select": [["round", {"value": "2.5", "type": "numeric(3,1)"}]]},
      on=("postgresql", "mariadb"))
pairs("ceil and floor", select(func.ceil(e.salary / 7), func.floor(e.salary / 7)).order_by(e.id),
      {"select": [["ceil", ["/", "salary", 7]], ["floor", ["/", "salary", 7]]],
       "from": "employees", "order_by": ["id"]}, on=("postgresql", "mariadb"))
for name in ("sqrt", "ln", "exp", "sin", "cos", "tan", "atan"):
    pairs(name, select(getattr(func, name)(cast(u.id, DOUBLE))).order_by(u.id),
          {"select": [[name, "id"]], "from": "users", "order_by": ["id"]})
pairs("power", select(func.power(cast(u.id, DOUBLE), 2)).order_by(u.id),
      {"select": [["power", "id", 2]], "from": "users", "order_by": ["id"]})
pairs("sign", select(func.sign(u.age - 30)).order_by(u.id),
      {"select": [["sign", ["-", "age", 30]]], "from": "users", "order_by": ["id"]},
      on=("mariadb", "sqlite"))
pairs("bit and", select(u.id.op("&")(3)).order_by(u.id),
      {"select": [["&", "id", 3]], "from": "users", "order_by": ["id"]}, on=("sqlite", "mariadb"))
pairs("shift", select(u.id.op("<<")(2)).order_by(u.id),
      {"select": [["<<", "id", 2]], "from": "users", "order_by": ["id"]},
      on=("sqlite", "mariadb"))

# ---- choices and casts ----

pairs("case searched",
      select(u.id, case((u.age < 18, "child"), (u.age < 60, "adult"), else_="old"))
      .order_by(u.id),
      {"select": ["id", {"is": {"case": [[["<", "age", 18], v("child")],
                                         [["<", "age", 60], v("adult")]],
                                "else": v("old")}}], "from": "users", "order_by": ["id"]})
pairs("case of a value", select(u.id, case({"Tehran": 1, "Shiraz": 2}, value=u.city))
      .order_by(u.id),
      {"select": ["id", {"n": {"case": [[v("Tehran"), 1], [v("Shiraz"), 2]], "of": "city"}}],
       "from": "users", "order_by": ["id"]}, ordered=True, on=("mariadb", "sqlite"))
pairs("case in order", select(u.id).order_by(case((u.is_active, 0), else_=1), u.id),
      {"select": ["id"], "from": "users",
       "order_by": [{"case": [["is_active", 0]], "else": 1}, "id"]})
pairs("coalesce", select(u.id, func.coalesce(u.bio, u.phone, "none")).order_by(u.id),
      {"select": ["id", ["coalesce", "bio", "phone", v("none")]], "from": "users",
       "order_by": ["id"]})
pairs("nullif", select(u.id, func.nullif(u.city, "Tehran")).order_by(u.id),
      {"select": ["id", ["nullif", "city", v("Tehran")]], "from": "users", "order_by": ["id"]})
pairs("greatest", select(u.id, func.greatest(u.age, 30)).order_by(u.id),
      {"select": ["id", ["greatest", "age", 30]], "from": "users", "order_by": ["id"]},
      on=("postgresql", "mariadb"))
pairs("least", select(u.id, func.least(u.age, 30)).order_by(u.id),
      {"select": ["id", ["least", "age", 30]], "from": "users", "order_by": ["id"]},
      on=("postgresql", "mariadb"))
pairs("cast to text", select(cast(u.age, String(20))).order_by(u.id),
      {"select": [["cast", "age", "text"]], "from": "users", "order_by": ["id"]})
pairs("cast to numeric", select(cast(u.age, Numeric(10, 2))).order_by(u.id),
      {"select": [["cast", "age", "numeric(10,2)"]], "from": "users", "order_by": ["id"]})
pairs("cast to double", select(cast(u.salary, DOUBLE)).order_by(u.id),
      {"select": [["cast", "salary", "double"]], "from": "users", "order_by": ["id"]})
pairs("cast a timestamp to a date", select(cast(u.created_at, Date)).order_by(u.id),
      {"select": [["cast", "created_at", "date"]], "from": "users", "order_by": ["id"]},
      on=("postgresql", "mariadb"))
pairs("cast text to integer", select(cast(u.phone, Integer)).order_by(u.id),
      {"select": [["cast", "phone", "integer"]], "from": "users", "order_by": ["id"]},
      on=("postgresql", "sqlite"))

# ---- dates ----

FIELDS = ("year", "month", "day", "hour", "minute", "second", "quarter", "doy", "dow", "week")
for field in FIELDS:
    theirs = cast(extract(field, u.created_at), Integer)
    here = ("postgresql",) if field in ("doy", "dow", "quarter", "week", "second") else \
        ("postgresql", "mariadb")
    pairs(f"extract {field}", select(theirs).order_by(u.id),
          {"select": [["extract", field, "created_at"]], "from": "users", "order_by": ["id"]},
          on=here)
for unit in ("year", "quarter", "month", "week", "day", "hour"):
    pairs(f"date_trunc {unit}", select(func.date_trunc(unit, u.last_login)).order_by(u.id),
          {"select": [["date_trunc", unit, "last_login"]], "from": "users", "order_by": ["id"]},
          on=("postgresql",))
for unit in ("year", "month", "week", "day", "hour", "minute", "second"):
    pairs(f"date_add {unit}",
          select(u.created_at + text(f"interval '13 {unit}'")).order_by(u.id),
          {"select": [["date_add", unit, 13, "created_at"]], "from": "users",
           "order_by": ["id"]}, on=("postgresql",))
pairs("days between", select(func.datediff(u.last_login, u.created_at)).order_by(u.id),
      {"select": [["date_diff", "day", "created_at", "last_login"]], "from": "users",
       "order_by": ["id"]}, on=("mariadb",))
pairs("months between",
      select(text("timestampdiff(month, created_at, last_login)")).select_from(users)
      .order_by(u.id),
      {"select": [["date_diff", "month", "created_at", "last_login"]], "from": "users",
       "order_by": ["id"]}, on=("mariadb",))
pairs("group by year", select(extract("year", posts.c.date), func.count())
      .group_by(extract("year", posts.c.date)),
      {"select": [{"year": ["extract", "year", "date"]}, ["count", "*"]], "from": "posts",
       "group_by": [["extract", "year", "date"]]}, on=("mariadb",))

# ---- select, order, limit, distinct ----

pairs("all columns", select(users), {"select": "*", "from": "users"})
pairs("all columns of two", select(users, orders).join(orders, u.id == o.user_id),
      {"select": ["users.*", "orders.*"], "from": "users", "join": [{"inner": "orders"}]})
pairs("an alias", select(u.name.label("who")), {"select": [{"who": "name"}], "from": "users"})
pairs("constants", select(literal(1), literal("x"), null()),
      {"select": [1, {"x": v("x")}, None]})
pairs("order", select(u.name).order_by(u.name),
      {"select": ["name"], "from": "users", "order_by": ["name"]})
pairs("order descending", select(u.id).order_by(desc(u.created_at)),
      {"select": ["id"], "from": "users", "order_by": [{"desc": "created_at"}]})
pairs("order by two", select(u.id).order_by(asc(u.city), desc(u.id)),
      {"select": ["id"], "from": "users", "order_by": ["city", {"desc": "id"}]})
pairs("order by an alias", select((u.age + u.id).label("n")).order_by(text("n")),
      {"select": [{"n": ["+", "age", "id"]}], "from": "users", "order_by": ["n"]})
pairs("nulls first", select(u.id).order_by(nullsfirst(u.phone), u.id),
      {"select": ["id"], "from": "users", "order_by": [{"asc": "phone", "nulls": "first"}, "id"]},
      on=("postgresql", "sqlite"))
pairs("nulls last", select(u.id).order_by(nullslast(desc(u.phone)), u.id),
      {"select": ["id"], "from": "users", "order_by": [{"desc": "phone", "nulls": "last"}, "id"]},
      on=("postgresql", "sqlite"))
pairs("limit", select(u.id).order_by(u.id).limit(2),
      {"select": ["id"], "from": "users", "order_by": ["id"], "limit": 2})
pairs("limit and offset", select(u.id).order_by(u.id).limit(2).offset(3),
      {"select": ["id"], "from": "users", "order_by": ["id"], "limit": ":n", "offset": ":from"},
      params={"n": 2, "from": 3})
pairs("offset alone", select(u.id).order_by(u.id).offset(4),
      {"select": ["id"], "from": "users", "order_by": ["id"], "offset": 4})
pairs("no limit", select(u.id).order_by(u.id),
      {"select": ["id"], "from": "users", "order_by": ["id"], "limit": None})
pairs("distinct", select(u.city).distinct(), {"select": ["city"], "distinct": True,
                                              "from": "users"})
pairs("distinct pairs", select(u.city, u.is_active).distinct().order_by(u.city, u.is_active),
      {"select": ["city", "is_active"], "distinct": True, "from": "users",
       "order_by": ["city", "is_active"]})
pairs("distinct on", select(u.city, u.name).distinct(u.city).order_by(u.city, desc(u.age), u.id),
      {"select": ["city", "name"], "distinct": ["city"], "from": "users",
       "order_by": ["city", {"desc": "age"}, "id"]}, on=("postgresql",))
pairs("keyset after one column", select(u.id).where(u.id > 3).order_by(u.id).limit(2),
      {"select": ["id"], "from": "users", "order_by": ["id"], "limit": 2, "after": {"id": 3}})
pairs("keyset after two columns",
      select(u.id, u.age).where(or_(u.age < 30, and_(u.age == 30, u.id > 3)))
      .order_by(desc(u.age), u.id),
      {"select": ["id", "age"], "from": "users",
       "order_by": [{"desc": "age", "nulls": "last"}, "id"], "after": {"age": 30, "id": 3}})

# ---- aggregates and groups ----

for name in ("count", "min", "max", "sum"):
    for where in ("age", "salary"):
        pairs(f"{name} of {where}", select(getattr(func, name)(u[where])),
              {"select": [[name, where]], "from": "users"})
pairs("avg of an integer", select(func.avg(cast(u.age, DOUBLE))),
      {"select": [["avg", "age"]], "from": "users"})
pairs("avg of a numeric", select(func.avg(u.salary)),
      {"select": [["avg", "salary"]], "from": "users"}, on=())
pairs("count all", select(func.count()).select_from(users),
      {"select": [["count", "*"]], "from": "users"})
pairs("count distinct", select(func.count(distinct(u.city))),
      {"select": [["count", ["distinct", "city"]]], "from": "users"})
pairs("sum distinct", select(func.sum(distinct(o.total))),
      {"select": [["sum", ["distinct", "total"]]], "from": "orders"})
pairs("min of texts", select(func.min(u.name), func.max(u.name)),
      {"select": [["min", "name"], ["max", "name"]], "from": "users"})
pairs("max of timestamps", select(func.max(u.last_login)),
      {"select": [["max", "last_login"]], "from": "users"})
pairs("aggregates of nothing", select(func.count(u.id), func.sum(u.age), func.max(u.name))
      .where(u.id < 0),
      {"select": [["count", "id"], ["sum", "age"], ["max", "name"]], "from": "users",
       "where": ["<", "id", 0]})
pairs("group", select(u.city, func.count()).group_by(u.city),
      {"select": ["city", ["count", "*"]], "from": "users", "group_by": ["city"]})
pairs("group with nulls", select(u.bio, func.count()).group_by(u.bio),
      {"select": ["bio", ["count", "*"]], "from": "users", "group_by": ["bio"]})
pairs("group by two", select(u.city, u.is_active, func.max(u.age)).group_by(u.city, u.is_active),
      {"select": ["city", "is_active", ["max", "age"]], "from": "users",
       "group_by": ["city", "is_active"]})
pairs("having", select(u.city).group_by(u.city).having(func.count() > 1),
      {"select": ["city"], "from": "users", "group_by": ["city"],
       "having": [">", ["count", "*"], 1]})
pairs("having and order", select(o.user_id, func.sum(o.total)).group_by(o.user_id)
      .having(func.sum(o.total) > 100).order_by(desc(func.sum(o.total))),
      {"select": ["user_id", {"sum": ["sum", "total"]}], "from": "orders",
       "group_by": ["user_id"], "having": [">", ["sum", "total"], 100],
       "order_by": [{"desc": "sum"}]})
pairs("group by an expression", select(u.age % 2, func.count()).group_by(u.age % 2),
      {"select": [["%", "age", 2], ["count", "*"]], "from": "users",
       "group_by": [["%", "age", 2]]}, on=("sqlite",))
pairs("a filter", select(func.count().filter(u.is_active), func.sum(u.age).filter(u.id > 3)),
      {"select": [{"active": {"aggregate": ["count", "*"], "filter": "is_active"}},
                  {"old": {"aggregate": ["sum", "age"], "filter": [">", "id", 3]}}],
       "from": "users"}, on=("postgresql", "sqlite"))
pairs("bool_and", select(u.city, func.bool_and(u.is_active)).group_by(u.city),
      {"select": ["city", ["bool_and", "is_active"]], "from": "users", "group_by": ["city"]},
      on=("postgresql",))
pairs("bool_or", select(u.city, func.bool_or(u.is_active)).group_by(u.city),
      {"select": ["city", ["bool_or", "is_active"]], "from": "users", "group_by": ["city"]},
      on=("postgresql",))
pairs("string_agg", select(func.string_agg(u.name, text("',' order by name"))),
      {"select": [{"names": {"aggregate": ["string_agg", "name", v(",")],
                             "order_by": ["name"]}}], "from": "users"}, on=("postgresql",))
for name in ("stddev_pop", "stddev_samp", "var_pop", "var_samp"):
    pairs(name, select(getattr(func, name)(cast(u.age, DOUBLE))),
          {"select": [[name, "age"]], "from": "users"}, on=("postgresql", "mariadb"))
pairs("rollup", select(u.city, func.count()).group_by(func.rollup(u.city)),
      {"select": ["city", ["count", "*"]], "from": "users", "group_by": [{"rollup": ["city"]}]},
      on=("postgresql",))
pairs("cube", select(u.city, u.is_active, func.count())
      .group_by(func.cube(u.city, u.is_active)),
      {"select": ["city", "is_active", ["count", "*"]], "from": "users",
       "group_by": [{"cube": ["city", "is_active"]}]}, on=("postgresql",))
pairs("grouping sets", select(u.city, u.is_active, func.count())
      .group_by(func.grouping_sets(tuple_(u.city), tuple_(u.is_active), tuple_())),
      {"select": ["city", "is_active", ["count", "*"]], "from": "users",
       "group_by": [{"grouping_sets": [["city"], ["is_active"], []]}]}, on=("postgresql",))

# ---- joins ----

pairs("inner join", select(u.name, o.total).join(orders, u.id == o.user_id),
      {"select": ["name", "total"], "from": "users",
       "join": [{"inner": "orders", "on": ["=", "users.id", "orders.user_id"]}]})
pairs("inner join by key", select(u.name, o.total).join_from(users, orders),
      {"select": ["name", "total"], "from": "users", "join": [{"inner": "orders"}]})
pairs("left join", select(u.name, o.id).outerjoin(orders, u.id == o.user_id),
      {"select": ["name", "orders.id"], "from": "users", "join": [{"left": "orders"}]})
pairs("anti join", select(u.id).outerjoin(orders, u.id == o.user_id).where(o.id.is_(None)),
      {"select": ["users.id"], "from": "users", "join": [{"left": "orders"}],
       "where": ["=", "orders.id", None]})
pairs("right join", select(u.name, o.id).select_from(
    orders.outerjoin(users, and_(u.id == o.user_id, u.age > 26))),
      {"select": ["name", "orders.id"], "from": "users",
       "join": [{"right": "orders", "on": ["and", ["=", "users.id", "orders.user_id"],
                                           [">", "users.age", 26]]}]})
pairs("full join", select(d.name, e.name).select_from(
    departments.outerjoin(employees, and_(d.id == e.department_id, e.salary > 42000),
                          full=True)),
      {"select": ["departments.name", "employees.name"], "from": "departments",
       "join": [{"full": "employees",
                 "on": ["and", ["=", "departments.id", "employees.department_id"],
                        [">", "employees.salary", 42000]]}]}, on=("postgresql", "sqlite"))
pairs("cross join", select(d.name, tags.c.name).select_from(departments.join(tags, true())),
      {"select": ["departments.name", "tags.name"], "from": "departments",
       "join": [{"cross": "tags"}]})
manager = employees.alias("m")
pairs("self join", select(e.name, manager.c.name).join(manager, e.manager_id == manager.c.id),
      {"select": ["e.name", {"manager": "m.name"}], "from": {"e": "employees"},
       "join": [{"inner": {"m": "employees"}, "on": ["=", "e.manager_id", "m.id"]}]})
pairs("three tables", select(posts.c.title, tags.c.name).select_from(
    posts.join(post_tags).join(tags)),
      {"select": ["title", "tags.name"], "from": "posts",
       "join": [{"inner": "post_tags"}, {"inner": "tags"}]})
pairs("many to many left", select(students.c.name, courses.c.title).select_from(
    students.outerjoin(student_courses.join(courses))),
      {"select": ["students.name", "courses.title"], "from": "students",
       "join": [{"left": "student_courses", "join": [{"inner": "courses"}],
                 "on": ["=", "students.id", "student_courses.student_id"]}]})
pairs("comma join", select(u.name, a.email_address).where(u.id == a.user_id),
      {"select": ["u.name", "a.email_address"], "from": {"u": "users", "a": "addresses"},
       "where": ["=", "u.id", "a.user_id"]})
pairs("join with a group", select(u.name, func.count(a.id)).outerjoin(addresses)
      .group_by(u.id, u.name),
      {"select": ["name", ["count", "addresses.id"]], "from": "users",
       "join": [{"left": "addresses"}], "group_by": ["users.id", "users.name"]})
pairs("join by using", select(profiles.c.bio, o.total).join_from(
    profiles, orders, profiles.c.user_id == o.user_id),
      {"select": ["bio", "total"], "from": "profiles",
       "join": [{"inner": "orders", "using": ["user_id"]}]})
pairs("join to a subquery", select(d.name, column("n")).select_from(
    departments.join(select(e.department_id.label("dep"), func.count().label("n"))
                     .group_by(e.department_id).subquery("t"), text("departments.id = t.dep"))),
      {"select": ["departments.name", "t.n"], "from": "departments",
       "join": [{"inner": {"t": {"select": [{"dep": "department_id"}, {"n": ["count", "*"]}],
                                 "from": "employees", "group_by": ["department_id"]}},
                 "on": ["=", "departments.id", "t.dep"]}]})
top = select(o.id, o.total).where(o.user_id == u.id).order_by(desc(o.total), o.id).limit(2) \
    .lateral("top")
pairs("lateral", select(u.name, top.c.total).join(top, true()),
      {"select": ["users.name", "top.total"], "from": "users",
       "join": [{"inner": {"top": {"select": ["id", "total"], "from": "orders",
                                   "where": ["=", "orders.user_id", "users.id"],
                                   "order_by": [{"desc": "total"}, "id"], "limit": 2}},
                 "on": True, "lateral": True}]}, on=("postgresql",))

# ---- subqueries ----

pairs("scalar subquery", select(u.id).where(
    u.age > select(func.avg(users.alias("x").c.age)).scalar_subquery()),
      {"select": ["id"], "from": "users",
       "where": [">", "age", {"select": [["avg", "x.age"]], "from": {"x": "users"}}]})
pairs("correlated scalar subquery",
      select(u.name, select(func.count(o.id)).where(o.user_id == u.id).scalar_subquery()),
      {"select": ["name", {"n": {"select": [["count", "id"]], "from": "orders",
                                 "where": ["=", "orders.user_id", "users.id"]}}],
       "from": "users"})
pairs("subquery of a subquery", select(u.id).where(u.id.in_(
    select(o.user_id).where(o.total > select(func.avg(o.total)).scalar_subquery()))),
      {"select": ["id"], "from": "users",
       "where": ["in", "id", {"select": ["user_id"], "from": "orders",
                              "where": [">", "total", {"select": [["avg", "x.total"]],
                                                       "from": {"x": "orders"}}]}]},
      on=())
pairs("a subquery in from", select(column("who")).select_from(
    select(u.name.label("who")).where(u.age > 30).subquery()),
      {"select": ["t.who"], "from": {"t": {"select": [{"who": "name"}], "from": "users",
                                           "where": [">", "age", 30]}}})
pairs("best paid of each department", select(e.name).where(
    e.salary == select(func.max(manager.c.salary))
    .where(manager.c.department_id == e.department_id).scalar_subquery()),
      {"select": ["name"], "from": "employees",
       "where": ["=", "employees.salary",
                 {"select": [["max", "m.salary"]], "from": {"m": "employees"},
                  "where": ["=", "m.department_id", "employees.department_id"]}]})

# ---- compounds ----

young, old = select(u.id).where(u.age < 26), select(u.id).where(u.age > 24)
young_json = {"select": ["id"], "from": "users", "where": ["<", "age", 26]}
old_json = {"select": ["id"], "from": "users", "where": [">", "age", 24]}
for name, function in (("union", union), ("union_all", union_all), ("intersect", intersect),
                       ("except", except_)):
    pairs(name, function(young, old), {name: [young_json, old_json]})
    whole = function(young, old).subquery()
    pairs(f"{name} ordered", select(whole.c.id).order_by(desc(whole.c.id)).limit(2),
          {name: [young_json, old_json], "order_by": [{"desc": "id"}], "limit": 2})
pairs("union of three", union(young, old, select(o.id)),
      {"union": [young_json, old_json, {"select": ["id"], "from": "orders"}]})
pairs("union of types", union_all(select(u.age), select(u.salary)),
      {"union_all": [{"select": ["age"], "from": "users"},
                     {"select": ["salary"], "from": "users"}]}, on=("mariadb",))
pairs("union in from", select(func.count()).select_from(union(young, old).subquery()),
      {"select": [["count", "*"]], "from": {"t": {"union": [young_json, old_json]}}})
pairs("in a union", select(u.name).where(u.id.in_(union(young, select(o.id)))),
      {"select": ["name"], "from": "users",
       "where": ["in", "id", {"union": [young_json, {"select": ["id"], "from": "orders"}]}]})
first = select(u.id).order_by(u.id).limit(1).subquery()
last = select(u.id).order_by(desc(u.id)).limit(1).subquery()
pairs("parts with limits", union_all(select(first), select(last)),
      {"union_all": [{"select": ["id"], "from": "users", "order_by": ["id"], "limit": 1},
                     {"select": ["id"], "from": "users", "order_by": [{"desc": "id"}],
                      "limit": 1}]})
pairs("values", select(values(column("a", Integer), column("b", String), name="t")
                       .data([(1, "x"), (2, "y")])),
      {"values": [[1, v("x")], [2, v("y")]]}, on=("postgresql",))

# ---- with ----

rich = select(o.user_id, func.sum(o.total).label("total")).group_by(o.user_id).cte("rich")
rich_json = {"select": ["user_id", {"total": ["sum", "total"]}], "from": "orders",
             "group_by": ["user_id"]}
pairs("a cte", select(u.name, rich.c.total).join(rich, rich.c.user_id == u.id),
      {"with": {"rich": rich_json}, "select": ["users.name", "rich.total"], "from": "users",
       "join": [{"inner": "rich", "on": ["=", "rich.user_id", "users.id"]}]})
pairs("a cte used twice", select(func.count()).select_from(rich).where(
    rich.c.total > select(func.avg(rich.alias("x").c.total)).scalar_subquery()),
      {"with": {"rich": rich_json}, "select": [["count", "*"]], "from": "rich",
       "where": [">", "rich.total", {"select": [["avg", "x.total"]], "from": {"x": "rich"}}]})
tree = select(e.id, e.name).where(e.manager_id.is_(None)).cte("tree", recursive=True)
tree = tree.union_all(select(e.id, e.name).join(tree, e.manager_id == tree.c.id))
pairs("a recursive cte", select(tree.c.id, tree.c.name),
      {"recursive": True,
       "with": {"tree": {"union_all": [
           {"select": ["id", "name"], "from": "employees", "where": ["=", "manager_id", None]},
           {"select": ["employees.id", "employees.name"], "from": "employees",
            "join": [{"inner": "tree", "on": ["=", "employees.manager_id", "tree.id"]}]}]}},
       "select": ["id", "name"], "from": "tree"})
numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < 10))
pairs("counting", select(numbers.c.n).order_by(numbers.c.n),
      {"recursive": True,
       "with": {"numbers": {"columns": ["n"],
                            "query": {"union_all": [
                                {"select": [1]},
                                {"select": [["+", "n", 1]], "from": "numbers",
                                 "where": ["<", "n", 10]}]}}},
       "select": ["n"], "from": "numbers", "order_by": ["n"]})
adults = select(u.id, u.city).where(u.age > 20).cte("adults")
cities = select(adults.c.city, func.count().label("n")).group_by(adults.c.city).cte("cities")
pairs("a cte of a cte", select(cities.c.city).where(cities.c.n > 1),
      {"with": {"adults": {"select": ["id", "city"], "from": "users",
                           "where": [">", "age", 20]},
                "cities": {"select": ["city", {"n": ["count", "*"]}], "from": "adults",
                           "group_by": ["city"]}},
       "select": ["city"], "from": "cities", "where": [">", "n", 1]})

# ---- windows ----

RANKS = {"row_number": Integer, "rank": Integer, "dense_rank": Integer,
         "percent_rank": Float, "cume_dist": Float}
for name, kind in RANKS.items():
    tie = [o.id] if name == "row_number" else []
    pairs(name, select(o.id, type_coerce(
        getattr(func, name)().over(partition_by=o.user_id, order_by=[desc(o.total)] + tie),
        kind)),
          {"select": ["id", {name: {"over": [name], "partition_by": ["user_id"],
                                    "order_by": [{"desc": "total"}] + (["id"] if tie else [])}}],
           "from": "orders"},
          # MariaDB's text protocol, which SQLAlchemy speaks, has ten digits of it
          on=("postgresql", "sqlite") if name == "cume_dist" else ALL)
pairs("ntile", select(u.id, func.ntile(4).over(order_by=u.id)),
      {"select": ["id", {"n": {"over": ["ntile", 4], "order_by": ["id"]}}], "from": "users"})
for name in ("lag", "lead"):
    pairs(name, select(u.id, getattr(func, name)(u.name).over(order_by=u.id)),
          {"select": ["id", {"x": {"over": [name, "name"], "order_by": ["id"]}}],
           "from": "users"})
    pairs(f"{name} by two", select(u.id, getattr(func, name)(u.name, 2).over(order_by=u.id)),
          {"select": ["id", {"x": {"over": [name, "name", 2], "order_by": ["id"]}}],
           "from": "users"})
for name in ("first_value", "last_value"):
    pairs(name, select(u.id, getattr(func, name)(u.name).over(partition_by=u.city,
                                                              order_by=u.id)),
          {"select": ["id", {"x": {"over": [name, "name"], "partition_by": ["city"],
                                   "order_by": ["id"]}}], "from": "users"})
pairs("nth_value", select(u.id, func.nth_value(u.name, 2).over(order_by=u.id)),
      {"select": ["id", {"x": {"over": ["nth_value", "name", 2], "order_by": ["id"]}}],
       "from": "users"})
for name in ("sum", "count", "min", "max"):
    pairs(f"running {name}", select(u.id, getattr(func, name)(u.age).over(order_by=u.id)),
          {"select": ["id", {"x": {"over": [name, "age"], "order_by": ["id"]}}],
           "from": "users"})
    pairs(f"{name} of the partition",
          select(u.id, getattr(func, name)(u.age).over(partition_by=u.city)),
          {"select": ["id", {"x": {"over": [name, "age"], "partition_by": ["city"]}}],
           "from": "users"})
for title, theirs, ours in (("rows to here", (None, 0), [None, 0]),
                            ("rows around", (-1, 1), [-1, 1]),
                            ("rows after", (1, 2), [1, 2]),
                            ("rows from here", (0, None), [0, None])):
    pairs(title, select(u.id, func.sum(u.age).over(order_by=u.id, rows=theirs)),
          {"select": ["id", {"x": {"over": ["sum", "age"], "order_by": ["id"], "rows": ours}}],
           "from": "users"})
pairs("a range", select(u.id, func.count().over(order_by=u.age, range_=(-5, 5))),
      {"select": ["id", {"x": {"over": ["count", "*"], "order_by": ["age"], "range": [-5, 5]}}],
       "from": "users"})
pairs("a window over a group", select(u.city, func.rank().over(order_by=desc(func.count())))
      .group_by(u.city),
      {"select": ["city", {"r": {"over": ["rank"], "order_by": [{"desc": ["count", "*"]}]}}],
       "from": "users", "group_by": ["city"]})
ranked = select(e.name, func.row_number().over(partition_by=e.department_id,
                                               order_by=desc(e.salary)).label("n")).subquery()
pairs("first of each group", select(ranked.c.name).where(ranked.c.n == 1),
      {"select": ["t.name"], "from": {"t": {
          "select": ["name", {"n": {"over": ["row_number"], "partition_by": ["department_id"],
                                    "order_by": [{"desc": "salary"}]}}], "from": "employees"}},
       "where": ["=", "t.n", 1]})
pairs("share of the total", select(o.id, o.total / func.sum(o.total).over()),
      {"select": ["id", {"share": ["/", "total", {"over": ["sum", "total"]}]}],
       "from": "orders"})

# ---- text ----

pairs("text", text("select id, name from users where age > 26"),
      {"text": "select id, name from users where age > :min"}, params={"min": 26})
pairs("text with two params", text("select id from users where age between 18 and 30"),
      {"text": "select id from users where age between :lo and :hi"},
      params={"lo": 18, "hi": 30})
pairs("text and a hostile value", text("select id from users where name = '''x'' or 1=1'"),
      {"text": "select id from users where name = :name"},
      params={"name": "'x' or 1=1"})
pairs("text with types", text("select count(*) from users where salary > 30000"),
      {"text": "select count(*) as n from users where salary > :least",
       "types": {"least": "numeric(10,2)"}, "columns": {"n": "bigint"}},
      params={"least": "30000"})

# ---- the rest ----

pairs("accounts in balance", select(func.sum(accounts.c.balance)),
      {"select": [["sum", "balance"]], "from": "accounts"})
pairs("old entries", select(log_entries.c.message).where(
    log_entries.c.created_at < datetime.datetime(2024, 1, 1)),
      {"select": ["message"], "from": "log_entries",
       "where": ["<", "created_at", v("2024-01-01T00:00:00")]})
pairs("bound by name", select(u.id).where(u.age > bindparam("x", 20), u.id < bindparam("y", 6)),
      {"select": ["id"], "from": "users", "where": ["and", [">", "age", ":x"], ["<", "id", ":y"]]},
      params={"x": 20, "y": 6})
