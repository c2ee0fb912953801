# SPDX-License-Identifier: MIT
"""Every example of docs/PROTOCOL.md and docs/CACHE.md, sent to a daemon: → goes out, ← comes back.

Prose in errors and what differs between runs (versions, limits) is compared by its
keys only; everything else must be as the page says.
"""
import json
import os
import re

import pytest
from conftest import Db
from daemon import ROOT

DOCS = os.path.join(ROOT, "docs")
PAGES = ["PROTOCOL.md", "CACHE.md"]
FREE = {"message", "hint", "server_version", "databases", "ops", "limits", "native"}


def blocks(page):
    with open(os.path.join(DOCS, page), encoding="utf-8") as f:
        text = f.read()
    found = [body for _, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)]
    for number, block in enumerate(found, 1):
        if block.startswith("→ "):
            yield pytest.param(block.splitlines(), id=f"{page}-{number}")


def strict(value):
    if isinstance(value, dict):
        return {k: "…" if k in FREE else strict(v) for k, v in value.items()}
    return [strict(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("lines", [b for page in PAGES for b in blocks(page)])
def test_examples_are_what_the_server_says(lines, sqlite, copies):
    db = Db(sqlite, copies(sqlite))
    with db.client() as c:
        c.ask({"op": "ping"})
        for line in lines:
            if line.startswith("→ "):
                c.send_raw(line[2:].encode() + b"\n")
            else:
                got = c.recv_line().decode()
                assert strict(json.loads(got)) == strict(json.loads(line[2:])), got
                assert list(json.loads(got)) == list(json.loads(line[2:])), "order of keys"
        c.shutdown()
        assert c.at_end(10) == b"", "more lines came than the page shows"
    db.daemon.stop()


def links(text):
    """(the page, the heading) of each link within the docs."""
    for page, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([\w-]+))?\)", text):
        yield page, anchor


def anchors(text):
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-")
            for h in re.findall(r"^#+ (.*)$", text, re.M)}


PLACES = [os.path.join("docs", n) for n in sorted(os.listdir(DOCS)) if n.endswith(".md")]


@pytest.mark.parametrize("name", [*PLACES, "README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name):
    """Pages and their headings."""
    text = read(os.path.join(ROOT, name))
    for page, anchor in links(text):
        path = os.path.join(ROOT, os.path.dirname(name), page) if page else os.path.join(ROOT, name)
        assert os.path.exists(path), f"{name} has a link to {page}"
        assert not anchor or anchor in anchors(read(path)), f"{name}: {page}#{anchor}"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def test_promises_name_tests_that_exist():
    """docs/PROMISES.md says which test proves what."""
    text = read(os.path.join(DOCS, "PROMISES.md"))
    named = re.findall(r"`(\w+)::(test_\w+)`", text)
    assert len(named) > 50
    for area, test in named:
        path = os.path.join(ROOT, "tests", "integration", f"test_{area}.py")
        assert f"def {test}(" in read(path), f"{area}::{test}"
