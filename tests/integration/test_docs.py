# SPDX-License-Identifier: MIT
"""Every example of docs/PROTOCOL.md, sent to a daemon: → goes out, ← comes back.

Prose in errors and what differs between runs (versions, limits) is compared by its
keys only; everything else must be as the page says.
"""
import json
import os
import re

import pytest
from conftest import Db
from daemon import ROOT

PAGE = os.path.join(ROOT, "docs", "PROTOCOL.md")
FREE = {"message", "hint", "server_version", "databases", "ops", "limits", "native"}


def blocks():
    with open(PAGE, encoding="utf-8") as f:
        text = f.read()
    found = [body for _, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)]
    for number, block in enumerate(found, 1):
        if block.startswith("→ "):
            yield pytest.param(block.splitlines(), id=str(number))


def strict(value):
    if isinstance(value, dict):
        return {k: "…" if k in FREE else strict(v) for k, v in value.items()}
    return [strict(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("lines", blocks())
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
