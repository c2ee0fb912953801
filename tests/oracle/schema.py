# SPDX-License-Identifier: MIT
"""The fixture's tables as SQLAlchemy knows them."""
from sqlalchemy import (Boolean, Column, Date, DateTime, Float, ForeignKey, Integer, MetaData,
                        Numeric, String, Table, Text)

META = MetaData()


def table(name, *columns):
    return Table(name, META, *columns)


def key(name="id"):
    return Column(name, Integer, primary_key=True)


def to(name, target):
    return Column(name, Integer, ForeignKey(target))


users = table("users", key(), Column("name", String(50)), Column("first_name", String(50)),
              Column("last_name", String(50)), Column("email", String(100), unique=True),
              Column("phone", String(20)), Column("age", Integer), Column("city", String(50)),
              Column("bio", Text), Column("salary", Numeric(10, 2)),
              Column("is_active", Boolean), Column("is_deleted", Boolean),
              Column("created_at", DateTime), Column("last_login", DateTime))
addresses = table("addresses", key(), Column("email_address", String(100), nullable=False),
                  Column("confirmed", Boolean), to("user_id", "users.id"))
orders = table("orders", key(), to("user_id", "users.id"), Column("total", Float(53)))
departments = table("departments", key(), Column("name", String(50)))
employees = table("employees", key(), Column("name", String(50)),
                  to("department_id", "departments.id"), Column("salary", Numeric(10, 2)),
                  to("manager_id", "employees.id"))
posts = table("posts", key(), Column("title", String(50)), Column("date", Date))
tags = table("tags", key(), Column("name", String(50)))
post_tags = table("post_tags", Column("post_id", ForeignKey("posts.id"), primary_key=True),
                  Column("tag_id", ForeignKey("tags.id"), primary_key=True))
profiles = table("profiles", key(), Column("bio", String(200)), to("user_id", "users.id"))
accounts = table("accounts", key(), Column("balance", Integer))
votes = table("votes", key("user_id"), key("poll_id"), Column("choice", String(20)))
log_entries = table("log_entries", key(), Column("message", String(100)),
                    Column("created_at", DateTime))
students = table("students", key(), Column("name", String(50)))
courses = table("courses", key(), Column("title", String(100)))
student_courses = table("student_courses",
                        Column("student_id", ForeignKey("students.id"), primary_key=True),
                        Column("course_id", ForeignKey("courses.id"), primary_key=True),
                        Column("enrolled_at", DateTime))
roles = table("roles", key(), Column("name", String(50)))
user_roles = table("user_roles", Column("user_id", ForeignKey("users.id"), primary_key=True),
                   Column("role_id", ForeignKey("roles.id"), primary_key=True))
