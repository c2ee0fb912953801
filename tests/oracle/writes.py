# SPDX-License-Identifier: MIT
"""Writes, in the order in which they are made on both sides."""
import datetime
from decimal import Decimal

from pairs import Pairs, v
from schema import (accounts, addresses, departments, employees, log_entries, orders, post_tags,
                    student_courses, tags, users, votes)
from sqlalchemy import case, delete, func, insert, literal, select, update

PAIRS = pairs = Pairs()
u, o, e = users.c, orders.c, employees.c

pairs("insert one", insert(tags).values(id=10, name="c"),
      {"insert": "tags", "rows": [{"id": 10, "name": "c"}]})
pairs("insert with a generated key", insert(tags).values(name="made"),
      {"insert": "tags", "rows": [{"name": "made"}]}, keys=False)
pairs("insert many", insert(users).values([
    {"name": "Ahmad2", "email": "a1@test.com", "is_active": True},
    {"name": "Fateme", "email": "f@test.com", "is_active": True}]),
      {"insert": "users", "rows": [
          {"name": "Ahmad2", "email": "a1@test.com", "is_active": True},
          {"name": "Fateme", "email": "f@test.com", "is_active": True}]})
pairs("insert an expression", insert(log_entries).values(id=9, message=func.lower("ABC")),
      {"insert": "log_entries", "set": {"id": 9, "message": ["lower", v("ABC")]}})
pairs("insert typed values", insert(employees).values(
    id=20, name="Eve", salary=Decimal("123.45"), department_id=1),
      {"insert": "employees", "rows": [
          {"id": 20, "name": "Eve", "salary": "123.45", "department_id": 1}]})
pairs("insert a moment", insert(log_entries).values(
    id=11, message="now", created_at=datetime.datetime(2025, 2, 3, 4, 5, 6, 789)),
      {"insert": "log_entries", "rows": [
          {"id": 11, "message": "now", "created_at": "2025-02-03T04:05:06.000789"}]})
pairs("insert nulls", insert(addresses).values(id=30, email_address="x@y", user_id=None),
      {"insert": "addresses", "rows": [{"id": 30, "email_address": "x@y", "user_id": None}]})
pairs("insert from a select", insert(log_entries).from_select(
    ["id", "message"], select(u.id + 100, u.name).where(u.age > 30)),
      {"insert": "log_entries", "columns": ["id", "message"],
       "from_query": {"select": [["+", "id", 100], "name"], "from": "users",
                      "where": [">", "age", 30]}})
pairs("insert from a union", insert(tags).from_select(
    ["id", "name"], select(u.id + 200, u.city).where(u.id < 3).union_all(
        select(u.id + 300, u.name).where(u.id < 3))),
      {"insert": "tags", "columns": ["id", "name"], "from_query": {"union_all": [
          {"select": [["+", "id", 200], "city"], "from": "users", "where": ["<", "id", 3]},
          {"select": [["+", "id", 300], "name"], "from": "users", "where": ["<", "id", 3]}]}})
pairs("update by key", update(users).where(u.id == 1).values(name="Ali Ahmadi"),
      {"update": "users", "data": {"name": "Ali Ahmadi"}, "where": ["=", "id", 1]})
pairs("update by name", update(users).where(u.name == "Bob").values(email="n@x"),
      {"update": "users", "data": {"email": "n@x"}, "where": ["=", "name", v("Bob")]})
pairs("update to what is there", update(users).where(u.name == "Bob").values(email="n@x"),
      {"update": "users", "data": {"email": "n@x"}, "where": ["=", "name", v("Bob")]})
pairs("update of many", update(users).where(u.is_active.is_(False)).values(is_active=True),
      {"update": "users", "data": {"is_active": True}, "where": ["not", "is_active"]})
pairs("update by an expression", update(accounts).where(accounts.c.id == 1).values(
    balance=accounts.c.balance - 100),
      {"update": "accounts", "set": {"balance": ["-", "balance", 100]}, "where": ["=", "id", 1]})
pairs("update by a case", update(users).where(u.age.is_not(None)).values(
    bio=case((u.age > 30, "old"), else_="young")),
      {"update": "users",
       "set": {"bio": {"case": [[[">", "age", 30], v("old")]], "else": v("young")}},
       "where": ["!=", "age", None]})
pairs("update by a subquery", update(users).where(u.id < 4).values(
    age=select(func.count(o.id)).where(o.user_id == u.id).scalar_subquery()),
      {"update": "users",
       "set": {"age": {"select": [["count", "orders.id"]], "from": "orders",
                       "where": ["=", "orders.user_id", "users.id"]}},
       "where": ["<", "id", 4]})
pairs("update where exists", update(users).where(u.id.in_(select(o.user_id))).values(
    city="Ordered"),
      {"update": "users", "data": {"city": "Ordered"},
       "where": ["in", "id", {"select": ["user_id"], "from": "orders"}]})
pairs("update everything", update(orders).values(total=o.total * 2),
      {"update": "orders", "set": {"total": ["*", "total", 2]}, "where": True})
pairs("update of nothing", update(users).where(u.id == 999).values(name="x"),
      {"update": "users", "data": {"name": "x"}, "where": ["=", "id", 999]})
pairs("update to null", update(users).where(u.id == 2).values(phone=None, bio=None),
      {"update": "users", "data": {"phone": None, "bio": None}, "where": ["=", "id", 2]})
pairs("delete by key", delete(addresses).where(addresses.c.id == 2),
      {"delete": "addresses", "where": ["=", "id", 2]})
pairs("delete by a condition", delete(log_entries).where(
    log_entries.c.created_at < datetime.datetime(2024, 1, 1)),
      {"delete": "log_entries", "where": ["<", "created_at", v("2024-01-01T00:00:00")]})
pairs("delete by a subquery", delete(orders).where(o.user_id.in_(
    select(u.id).where(u.name == "Bob"))),
      {"delete": "orders", "where": ["in", "user_id", {
          "select": ["id"], "from": "users", "where": ["=", "name", v("Bob")]}]})
pairs("delete of nothing", delete(votes).where(votes.c.user_id == 99),
      {"delete": "votes", "where": ["=", "user_id", 99]})
pairs("delete everything", delete(votes), {"delete": "votes", "where": True})
pairs("delete links", delete(post_tags).where(post_tags.c.post_id == 2),
      {"delete": "post_tags", "where": ["=", "post_id", 2]})
pairs("delete in two columns", delete(student_courses).where(
    student_courses.c.student_id == 1, student_courses.c.course_id == 2),
      {"delete": "student_courses",
       "where": ["and", ["=", "student_id", 1], ["=", "course_id", 2]]})
pairs("insert after deletes", insert(votes).values([
    {"user_id": 1, "poll_id": 1, "choice": "a"}, {"user_id": 1, "poll_id": 2, "choice": None}]),
      {"insert": "votes", "rows": [{"user_id": 1, "poll_id": 1, "choice": "a"},
                                   {"user_id": 1, "poll_id": 2, "choice": None}]})
pairs("upsert that inserts", insert(departments).values(id=50, name="New"),
      {"insert": "departments", "rows": [{"id": 50, "name": "New"}],
       "conflict": {"on": ["id"], "do": "update", "set": {"name": "new.name"}}})
pairs("upsert that updates", update(departments).where(departments.c.id == 50)
      .values(name="Newer"),
      {"insert": "departments", "rows": [{"id": 50, "name": "Newer"}],
       "conflict": {"on": ["id"], "do": "update", "set": {"name": "new.name"}}})
pairs("upsert that keeps", update(departments).where(departments.c.id == -1).values(name="x"),
      {"insert": "departments", "rows": [{"id": 50, "name": "Lost"}],
       "conflict": {"on": ["id"], "do": "nothing"}})
pairs("upsert that counts", update(accounts).where(accounts.c.id == 2).values(
    balance=accounts.c.balance + literal(7)),
      {"insert": "accounts", "rows": [{"id": 2, "balance": 7}],
       "conflict": {"on": ["id"], "do": "update",
                    "set": {"balance": ["+", "accounts.balance", "new.balance"]}}})
