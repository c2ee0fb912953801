# SPDX-License-Identifier: MIT
"""The same statements by SQLAlchemy 1.4 and by the daemon, on each database.

SQLAlchemy talks to a copy of the fixture of its own, so writes can be compared by what
they leave behind.
"""
import compare
import pytest
import reads
import schema
import sqlalchemy
import writes
from sqlalchemy.engine import URL

STATEMENTS = 300


def engine_of(server, name):
    if server.name == "sqlite":
        return sqlalchemy.create_engine("sqlite:///" + server.path(name))
    if server.name == "postgresql":
        url = URL.create("postgresql+psycopg2", server.user, server.password, server.host,
                         server.port, name)
    else:
        url = URL.create("mysql+pymysql", server.user, server.password, server.host, server.port,
                         name, {"charset": "utf8mb4"})
    return sqlalchemy.create_engine(url)


@pytest.fixture(scope="module")
def engine(server, copies):
    found = engine_of(server, copies(server))
    yield found
    found.dispose()


@pytest.fixture(scope="module")
def connection(engine):
    with engine.connect() as found:
        yield found


def params(pairs):
    return [pytest.param(p, id=p.title.replace(" ", "_")) for p in pairs]


@pytest.mark.parametrize("pair", params(reads.PAIRS))
def test_read(pair, server, client, connection):
    reply = client.ask(pair.request)
    if server.name not in pair.on:
        assert "error" not in reply, reply
        return
    theirs = connection.execute(pair.statement).fetchall()
    compare.check(reply, theirs, pair.is_ordered(), server.name == "postgresql")


def contents(connection):
    """All rows of all tables."""
    return {t.name: sorted(map(tuple, connection.execute(t.select()).fetchall()), key=repr)
            for t in schema.META.sorted_tables}


def test_writes(server, make_db, engine, copies):
    """One after the other, on both sides; the tables must be equal after each."""
    db = make_db()
    ours = engine_of(server, db.name)
    with db.client() as client, engine.connect() as connection:
        for pair in writes.PAIRS:
            reply = client.ask(pair.request)
            assert "error" not in reply, (pair.title, reply)
            with connection.begin():
                result = connection.execute(pair.statement)
                if getattr(pair.statement, "_returning", ()):
                    compare.check(reply, result.fetchall(), False, False)
                elif server.name in pair.on:
                    assert reply["rowcount"] == result.rowcount, pair.title
            with ours.connect() as other, connection.begin():
                assert contents(other) == contents(connection), pair.title
    ours.dispose()


def test_there_are_enough():
    assert len(reads.PAIRS) + len(writes.PAIRS) >= STATEMENTS
