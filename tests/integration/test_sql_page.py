# SPDX-License-Identifier: MIT
"""Every example of docs/SQL.md: its SQL and its answer, on each database."""
import json
import os

import page
import pytest
from conftest import Db
from daemon import ROOT

EXAMPLES = page.examples_of(os.path.join(ROOT, "docs", "SQL.md"))


@pytest.fixture(scope="module")
def page_client(server, copies):
    """A copy of the fixture that the examples may write to, from top to bottom."""
    db = Db(server, copies(server), settings=page.SETTINGS)
    with db.client() as client:
        client.kind, client.database = server.name, db.name
        yield client
    db.daemon.stop()


@pytest.mark.parametrize("example", [pytest.param(e, id=f"line{e.line}") for e in EXAMPLES])
def test_the_page_says_what_the_server_says(page_client, example):
    if example.sql:
        assert page.compiled(page_client, example.request, page_client.database) == \
            example.sql_of(page_client.kind)
    page_client.send_raw(example.text.encode() + b"\n")
    got = page_client.recv_line().decode()
    if example.answer is not None:
        assert page.strict(json.loads(got)) == page.strict(json.loads(example.answer)), got


def test_the_page_has_examples():
    assert len(EXAMPLES) > 10
