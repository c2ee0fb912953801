# SPDX-License-Identifier: MIT
"""The short form of the soak: each database for a few seconds under faults.

`make soak` runs longer, with controls. Of a run that fails the seed and the history are
told; tests/soak/run.py repeats it.
"""
import os
import random
import shutil
import tempfile

import pytest

from rig import KINDS, Plan, run
from rules import COMBINATIONS, verdict

SECONDS = 4


@pytest.fixture(scope="session")
def servers():
    """Those that were asked for, by name."""
    found = {}
    yield found
    for server in found.values():
        server.remove()


@pytest.fixture
def server(request, servers):
    if request.param not in servers:
        servers[request.param] = KINDS[request.param]()
    return servers[request.param]


@pytest.mark.parametrize("server, isolation", COMBINATIONS, indirect=["server"])
def test_what_is_promised_holds_under_faults(server, isolation):
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1, 10**6))
    folder = tempfile.mkdtemp(prefix="tribikos-soak-")
    plan = Plan(server.name, isolation, "proxy", SECONDS, seed)
    result = run(plan, server, folder)
    faults = verdict(plan, result.found.kinds(), set())
    told = "\n".join(result.found.lines(faults))
    assert not faults, f"SOAK_SEED={seed}, history {result.path}\n{told}"
    assert sum(n for name, n in result.outcomes.items() if name.endswith(" ok")) > 0, \
        f"nothing came through: {result.outcomes}, SOAK_SEED={seed}, history {result.path}"
    shutil.rmtree(folder)
