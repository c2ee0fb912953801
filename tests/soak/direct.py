# SPDX-License-Identifier: MIT
"""Sessions straight to a database, for control runs: psycopg2, PyMySQL, sqlite3.

What a driver cannot know is judged as through the daemon: an error before COMMIT was
sent is a refusal, a connection that breaks under COMMIT leaves it unknown.
"""
import sqlite3
import time

import psycopg2
import psycopg2.extensions
import pymysql

from statements import Answer, Refused, Unknown

CONNECT_SECONDS = 60


class Direct:
    """A session; `perform` methods are those of proxy.Session."""

    def __init__(self, server, database, port, name, chaos):
        self.server, self.database, self.port = server, database, port
        self.name, self.chaos, self.nonces = name, chaos, []
        self.conn = None

    # ---- what a workload calls ----

    def auto(self, statement):
        """One statement that is a transaction of its own."""
        self._ready()
        try:
            return self._run(statement)
        except Exception as e:
            broken = self._drop(e)
            raise (Unknown if broken and statement.writes else Refused)(code(e)) from e

    def begin(self, isolation):
        self._ready()
        self._careful(lambda: self._begin(isolation))

    def run(self, statement):
        if self.chaos.chance("reset"):
            self._close()
            raise Refused("we left")
        return self._careful(lambda: self._run(statement))

    def commit(self):
        try:
            self._execute("commit")
        except Exception as e:
            broken = self._drop(e)
            raise (Unknown if broken else Refused)(code(e)) from e

    def pipeline(self, isolation, statements):
        self.begin(isolation)
        answers = [self.run(s) for s in statements]
        self.commit()
        return answers

    def savepoint(self, name):
        self._careful(lambda: self._execute(f"savepoint {name}"))

    def rollback_to(self, name):
        self._careful(lambda: self._execute(f"rollback to savepoint {name}"))

    def rollback(self):
        self._careful(lambda: self._execute("rollback"))

    def close(self):
        self._close()

    def all(self, sql):
        """Rows of a statement, for who looks on."""
        self._ready()
        return [list(row) for row in self._execute(sql).fetchall()]

    # ---- below ----

    def _careful(self, work):
        """An error within a transaction ends it."""
        try:
            return work()
        except Exception as e:
            self._drop(e)
            raise Refused(code(e)) from e

    def _ready(self):
        end = time.monotonic() + CONNECT_SECONDS
        while self.conn is None:
            try:
                self.conn = CONNECT[self.server.name](self)
            except (psycopg2.Error, pymysql.Error, OSError) as e:
                if time.monotonic() > end:
                    raise Refused("connect: " + code(e)) from e
                time.sleep(0.05)

    def _execute(self, sql, args=()):
        cursor = self.conn.cursor()
        if self.server.name == "sqlite":
            sql = sql.replace("%s", "?").replace(" for update", "")
        cursor.execute(sql, args or None) if self.server.name != "sqlite" else \
            cursor.execute(sql, args)
        return cursor

    def _begin(self, isolation):
        if self.server.name == "mariadb":
            self._execute(f"set transaction isolation level {isolation}")
            self._execute("start transaction")
        elif self.server.name == "postgresql":
            self._execute(f"begin isolation level {isolation}")
        else:
            self._execute("begin immediate")

    def _run(self, statement):
        cursor = self._execute(statement.sql, statement.args)
        if statement.writes:
            answer = Answer([(statement.nonce,)], cursor.rowcount)
        else:
            rows = [tuple(row) for row in cursor.fetchall()]
            answer = Answer(rows, len(rows))
        self.nonces.append(statement.seen(answer))
        return answer

    def _drop(self, error):
        """Rolls back; whether the connection broke at this error."""
        if self.conn is None:
            return True
        try:
            self._execute("rollback")
            broken = is_break(error)
        except Exception:  # whatever a driver says of a connection that is gone
            # SQLite says so, too, when there is no transaction left to roll back
            broken = self.server.name != "sqlite"
        if broken:
            self._close()
        return broken

    def _close(self):
        conn, self.conn = self.conn, None
        try:
            if conn is not None:
                conn.close()
        except Exception:  # it was broken, or gone already
            pass


def is_break(error):
    return isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)) and \
        error.pgcode is None or isinstance(error, pymysql.err.InterfaceError) or \
        isinstance(error, pymysql.err.OperationalError) and \
        error.args and error.args[0] in (0, 2006, 2013, 2014, 2055)


def code(error):
    pgcode = getattr(error, "pgcode", None)
    if pgcode:
        return pgcode
    if isinstance(error, pymysql.Error) and error.args:
        return str(error.args[0])
    return type(error).__name__


def connect_postgresql(d):
    conn = psycopg2.connect(host=d.server.host, port=d.port, user=d.server.user,
                            password=d.server.password, dbname=d.database, connect_timeout=10)
    conn.autocommit = True  # BEGIN and COMMIT are ours
    return conn


def connect_mariadb(d):
    return pymysql.connect(host=d.server.host, port=d.port, user=d.server.user,
                           password=d.server.password, database=d.database, autocommit=True,
                           connect_timeout=10, charset="utf8mb4")


def connect_sqlite(d):
    return sqlite3.connect(d.server.path(d.database), timeout=20, isolation_level=None,
                           check_same_thread=False)


CONNECT = {"postgresql": connect_postgresql, "mariadb": connect_mariadb,
           "sqlite": connect_sqlite}
