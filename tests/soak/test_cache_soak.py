# SPDX-License-Identifier: MIT
"""Cached reads are never stale, and the checker would see it if they were.

The short form of tests/soak/cache_rig.py: each database for a few seconds, calmly and
under faults; then builds of the daemon with a fault made on purpose, which must be found
within a minute.
"""
import os
import random
import shutil
import tempfile
import time

import pytest

from cache_rig import Run, perform
from mutant import Build, write
from rig import KINDS

SECONDS = 4
FIND_SECONDS = 60
SLICE = 4


@pytest.fixture(scope="session")
def servers():
    """servers(name): those that were asked for."""
    found = {}

    def one(name):
        if name not in found:
            found[name] = KINDS[name]()
        return found[name]
    yield one
    for server in found.values():
        server.remove()


def seed():
    return int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1, 10**6))


def judged(run, server):
    """The result of a run without faults; its history is kept if there are any."""
    folder = tempfile.mkdtemp(prefix="tribikos-cache-soak-")
    result = perform(run, server, folder)
    faults = result.faults(run.rough or run.cancels or run.drops)
    told = "\n".join([*result.lines(), *result.forms(), *faults])
    assert not faults, f"seed {run.seed}, history in {folder}\n{told}"
    shutil.rmtree(folder)
    print(told)
    return result


def was_cached(result):
    """A cache that never hits is never stale either."""
    verdicts = result.found.verdicts
    return verdicts["hit"] > verdicts.total() / 50 and verdicts["miss"] > 0


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_read_is_stale(servers, kind):
    result = judged(Run(kind, SECONDS, seed=seed()), servers(kind))
    assert was_cached(result), "\n".join([*result.lines(), *result.forms()])


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_no_read_is_stale_when_answers_are_late_and_clients_leave(servers, kind):
    judged(Run(kind, SECONDS, seed=seed(), delay=0.02, cancels=20, drops=5), servers(kind))


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_no_read_is_stale_when_servers_and_connections_fail(servers, kind):
    judged(Run(kind, SECONDS, seed=seed(), rough=True, cancels=10, drops=5), servers(kind))


@pytest.mark.parametrize("what", ["", "pause", "kill", "daemon"])
def test_two_daemons_are_never_a_second_behind(servers, what):
    """Redis, or one of the two, stands still for longer than that, or dies."""
    result = judged(Run("postgresql", SECONDS, seed=seed(), daemons=2, redis=what),
                    servers("postgresql"))
    assert what or result.found.verdicts["hit"] > 0, "\n".join(result.lines())


# ---- faults made on purpose ----

FOLDERS = ["cache", "daemon"]
PAUSES = {"TRIBIKOS_FAULTS": "fill=50,flight=20,raise=20,lower=50"}

# What is wrong: [(text in the sources, text instead)]
MUTATIONS = {
    "the versions are not compared": [
        ("if (atomic_load(&v->words[slots[i]]) != words[i]) {", "if (words[i] == UINT64_MAX) {")],
    "what is raised is lowered at once": [
        ("add(v, s, ONE_VERSION + 1);", "add(v, s, ONE_VERSION);"),
        ("add(v, s, ONE_VERSION - 1);", "add(v, s, 0 * ONE_VERSION);")],
    "nothing is raised before the answer": [
        ("add(v, s, ONE_VERSION + 1);", "add(v, s, 0 * ONE_VERSION);"),
        ("add(v, s, ONE_VERSION - 1);", "add(v, s, ONE_VERSION);")],
    "any flight is joined": [
        ("if (x != NULL && versions_hold(f->versions, &x->stamp)) {", "if (x != NULL) {")],
    "what another daemon writes is not heard": [
        ("ledger_hear(m->versions, (uint32_t)slot, in->at.position);", "(void)slot;")],
}
OF_TWO_DAEMONS = {"what another daemon writes is not heard"}


@pytest.fixture(scope="module")
def build():
    """A build whose threads stand still between reading and keeping."""
    with tempfile.TemporaryDirectory(prefix="tribikos-cache-mutants-") as folder:
        made = Build(folder, "-Dfaults=true")
        before = os.environ.get("TRIBIKOSD")
        os.environ["TRIBIKOSD"] = made.program()
        yield made
        if before is None:
            del os.environ["TRIBIKOSD"]
        else:
            os.environ["TRIBIKOSD"] = before


def test_no_read_is_stale_when_fills_are_slow(servers, build):
    with open(build.program(), "rb") as f:
        assert b"TRIBIKOS_FAULTS" in f.read()
    result = judged(Run("postgresql", SECONDS, seed=seed(), env=PAUSES,
                        conf={"workers": 4}), servers("postgresql"))
    assert was_cached(result), "\n".join([*result.lines(), *result.forms()])


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_fault_made_on_purpose_is_found(servers, build, what):
    before = {}
    try:
        for old, new in MUTATIONS[what]:
            place = build.find(old, FOLDERS)
            assert place is not None, f"the sources do not have this once: {old}"
            path, body, at = place
            before.setdefault(path, body)
            write(path, body[:at.start()] + new + body[at.end():])
        build.make()
        daemons = 2 if what in OF_TWO_DAEMONS else 1
        assert hunt(servers("postgresql"), daemons), f"not found in {FIND_SECONDS} s: {what}"
    finally:
        for path, body in before.items():
            write(path, body)
        build.make()


def hunt(server, daemons):
    """Whether a run finds something before the time is over."""
    end, number = time.monotonic() + FIND_SECONDS, 0
    while time.monotonic() < end:
        number += 1
        run = Run("postgresql", SLICE, seed=number, env=PAUSES, conf={"workers": 4},
                  daemons=daemons)
        with tempfile.TemporaryDirectory(prefix="tribikos-cache-hunt-") as folder:
            if perform(run, server, folder).found.kinds:
                return True
    return False
