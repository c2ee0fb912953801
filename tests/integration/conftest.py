# SPDX-License-Identifier: MIT
"""Fixtures of the integration tests: real servers, a real daemon, no mocks.

`db` runs a test on all three databases, on one daemon and one loaded database for
the whole run: for tests that only read. `fresh_db` gives each test its own daemon
and its own copy: for tests that write, break or reload something. A server that
does not start fails the tests that need it; nothing is skipped.
"""
import itertools
import os
import shutil

import fixture
import pytest
from daemon import Daemon
from servers import MariaDB, Postgresql, work_folder

KINDS = ["sqlite", "postgresql", "mariadb"]


class Sqlite:
    """What a server is to the other two, as far as a file can be it."""

    name = "sqlite"

    def __init__(self):
        self.folder = work_folder("sqlite")

    def path(self, database):
        return os.path.join(self.folder, database + ".db")

    def url(self, database, **_):
        return "sqlite:///" + self.path(database)

    def copy(self, source, database):
        shutil.copyfile(self.path(source), self.path(database))

    def load(self, text, database):
        return fixture.sqlite_run(self.path(database), text)

    sql = load

    def create(self, database):
        fixture.sqlite_run(self.path(database), "")

    def drop(self, database):
        for tail in ("", "-wal", "-shm"):
            try:
                os.remove(self.path(database) + tail)
            except FileNotFoundError:
                pass


class Db:
    """A running daemon whose database `main` holds the fixture.

    `kind` is sqlite, postgresql or mariadb; `server` the server behind it; `name`
    the database there; `sql(text)` goes round the daemon.
    """

    def __init__(self, server, name, conf=None, settings=None, env=None):
        self.server, self.kind, self.name = server, server.name, name
        self.url = server.url(name)
        main = {"url": self.url, **(settings or {})}
        self.daemon = Daemon({"main": main}, conf=conf, env=env)

    def client(self, **kw):
        return self.daemon.client(**kw)

    def ask(self, request):
        return self.daemon.ask(request)

    def sql(self, text):
        return self.server.load(text, self.name)


@pytest.fixture(scope="session")
def postgresql():
    with Postgresql() as server:
        fixture.load(server, "fixture")
        yield server


@pytest.fixture(scope="session")
def mariadb():
    with MariaDB() as server:
        fixture.load(server, "fixture")
        yield server


@pytest.fixture(scope="session")
def sqlite():
    server = Sqlite()
    fixture.load_sqlite(server.path("fixture"))
    yield server
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture(scope="session", params=KINDS)
def server(request):
    """Each of the three in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def copies():
    """new(server) → the name of a new copy of the fixture on it."""
    numbers = itertools.count(1)

    def new(server):
        name = f"copy_{next(numbers)}"
        if server.name == "sqlite":
            server.copy("fixture", name)
        elif server.name == "postgresql":
            server.create(name, template="fixture")
        else:
            fixture.load(server, name)
        return name
    return new


@pytest.fixture(scope="session")
def db(server, copies):
    """Shared by all tests: read only."""
    found = Db(server, copies(server))
    yield found
    found.daemon.stop()


@pytest.fixture
def make_db(server, copies):
    """make_db(conf={…}, settings={…}) → a Db of the test's own, stopped (and so
    checked) at its end. conf is merged over the conf file, settings over
    databases.main."""
    made = []

    def make(**kw):
        made.append(Db(server, copies(server), **kw))
        return made[-1]
    yield make
    try:
        for each in made:
            each.daemon.stop()
    finally:
        for each in made:
            each.daemon.kill()
            server.drop(each.name)


@pytest.fixture
def fresh_db(make_db):
    """A daemon and a copy of the fixture for this test alone."""
    return make_db()


@pytest.fixture
def client(db):
    """A connection to the shared daemon."""
    with db.client() as c:
        yield c


# ---- a daemon of its own, and two clients of it ----

@pytest.fixture
def tdb(make_db):
    return make_db()


@pytest.fixture
def c(tdb):
    with tdb.client() as client:
        yield client


@pytest.fixture
def other(tdb):
    with tdb.client() as client:
        yield client
