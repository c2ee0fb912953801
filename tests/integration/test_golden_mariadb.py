# SPDX-License-Identifier: MIT
"""MariaDB's own parser takes what the compiler writes: the SQL of every golden file is
prepared on a server that has the tables of the compiler's tests (rig.c)."""
import glob
import json
import os

from daemon import ROOT
from servers import ServerError

TABLES = """
CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(50), email VARCHAR(100) UNIQUE, age INT,
  city VARCHAR(50), bio TEXT, salary DECIMAL(10,2), is_active TINYINT(1),
  created_at DATETIME(6), born DATE);
CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, total DOUBLE);
CREATE TABLE addresses (id INT PRIMARY KEY, email_address VARCHAR(100) NOT NULL, user_id INT);
CREATE TABLE departments (id INT PRIMARY KEY, name VARCHAR(50));
CREATE TABLE employees (id INT PRIMARY KEY, name VARCHAR(50), department_id INT,
  manager_id INT);
CREATE TABLE post_tags (post_id INT, tag_id INT, PRIMARY KEY (post_id, tag_id));
CREATE TABLE things (id BIGINT PRIMARY KEY, small SMALLINT, big BIGINT, exact DECIMAL(10,2),
  loose DECIMAL(65,30), single FLOAT, dbl DOUBLE, flag TINYINT(1), code CHAR(3),
  mood ENUM('a', 'b'), uid UUID, raw BLOB, day DATE, at TIME(6), stamp DATETIME(6),
  stamptz TIMESTAMP(6), span TEXT, doc JSON, odd TEXT, twice INT AS (small * 2));
CREATE TABLE `we"ird``t` (`se"lect` INT, `a.b` TEXT, `ba``ck` TEXT);
CREATE VIEW adults AS SELECT id, name FROM users WHERE age > 17;
"""
MODE = ("SET sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,"
        "NO_ZERO_IN_DATE,NO_BACKSLASH_ESCAPES';\n")


def statements():
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "golden", "*.json"))):
        with open(path, encoding="utf-8") as f:
            steps = json.load(f).get("mariadb")
        for step in steps if isinstance(steps, list) else []:
            if "sql" in step:
                yield os.path.basename(path), step["sql"]


def test_every_golden_statement_can_be_prepared(mariadb):
    mariadb.create("app")
    try:
        mariadb.sql(TABLES, "app")
        failed = []
        for name, sql in statements():
            quoted = sql.replace("'", "''")
            try:
                mariadb.sql(f"{MODE}PREPARE p FROM '{quoted}';\n", "app")
            except ServerError as e:
                failed.append(f"{name}: {sql}\n  {e}")
        assert not failed, "\n".join(failed)
        assert len(list(statements())) > 80
    finally:
        mariadb.drop("app")
