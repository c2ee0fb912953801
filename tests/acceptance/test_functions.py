# SPDX-License-Identifier: MIT
"""Functions and operators on values: functions/<area>.json, each line on every database.

A line is [E, type, value] or [E, "error", code], with params as a fourth member where E
has some. E is selected alone; the answers of the databases must be the same bytes.
"""
import glob
import json
import os

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


def load_cases():
    for path in sorted(glob.glob(os.path.join(HERE, "functions", "*.json"))):
        area = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding="utf-8") as f:
            for line in json.load(f):
                yield pytest.param(*line[:3], line[3] if len(line) > 3 else None,
                                   id=f"{area}-{json.dumps(line[0], ensure_ascii=True)[:80]}")


@pytest.mark.parametrize("expression, kind, value, params", load_cases())
def test_function(expression, kind, value, params, client):
    request = {"query": {"select": [{"v": expression}]}}
    if params is not None:
        request["params"] = params
    reply = client.ask(request)
    if kind == "error":
        assert reply.get("error", {}).get("code") == value, reply
        return
    assert "error" not in reply, reply
    assert reply["types"] == [kind]
    assert json.dumps(reply["rows"]) == json.dumps([[value]])
