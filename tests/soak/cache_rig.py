# SPDX-License-Identifier: MIT
"""Cached reads under load: one run, and its verdict.

    result = perform(Run("postgresql", seconds=20), server, folder)

Starts a daemon (or several that share a region in Redis), lets cache_load read and write,
and judges what was read (cache_check.py).
"""
import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

from cache_check import check, load  # noqa: E402
from cache_world import World  # noqa: E402
from daemon import Daemon, program  # noqa: E402
from history import History  # noqa: E402
from nemesis import Nemesis, Network  # noqa: E402
from redis_server import Redis  # noqa: E402
from rig import KINDS  # noqa: E402

LOAD_SECONDS = 180  # beyond those of the run
POOL = {"size": 8, "max_overflow": 4}
CONF = {"workers": 2, "limits": {"drain": "2s"}}

# What a right request may be told while clients cancel, leave and servers fail.
ROUGH = {"cancelled", "timeout", "deadlock", "lock_timeout", "serialization_failure",
         "commit_unknown", "connection_failed", "connection_lost", "pool_timeout", "tx_aborted",
         "unknown_tx", "unknown_request", "tx_timeout", "shutting_down", "read_only", "overload"}
# And what always: rows are fought for, aborters do what is refused.
ALWAYS = {"deadlock", "lock_timeout", "serialization_failure", "unique_violation",
          "not_null_violation", "tx_aborted", "unknown_tx"}


@dataclasses.dataclass
class Run:
    """What to do, and how rough to be."""
    kind: str
    seconds: float = 10
    reads: int = 0          # then it is over
    seed: int = 1
    readers: int = 6        # connections for each daemon
    in_flight: int = 2
    followers: int = 4
    aborters: int = 2
    pause_us: int = 150000   # of a writer, at most
    cancels: int = 0        # of a thousand requests
    drops: int = 0
    rough: bool = False     # the nemesis of the other soak
    delay: float = 0        # seconds, at most, that answers of the server are late
    cache: str = '"cache":true'
    env: dict = dataclasses.field(default_factory=dict)
    conf: dict = dataclasses.field(default_factory=dict)
    daemons: int = 1        # more than one share a region in Redis
    redis: str = ""         # what happens to that meanwhile: "", "pause", "kill", "daemon"


SLACK_NS = 10**9  # how old what another daemon wrote may be
SECONDS_OF_SILENCE = 1.5


def load_program():
    """Beside the daemon, or in any build."""
    places = [os.path.join(os.path.dirname(program()), "tests", "soak"),
              *(os.path.join(ROOT, b, "tests", "soak") for b in ("build", "build-asan", "b"))]
    for place in places:
        path = os.path.join(place, "cache_load")
        if os.path.exists(path):
            return path
    raise FileNotFoundError("cache_load was not built: ninja -C build tests/soak/cache_load")


class Rig:
    """A database and a daemon, for one run."""
    numbers = itertools.count(1)

    def __init__(self, server, run, folder):
        self.server, self.run, self.folder = server, run, folder
        self.world = World(run.kind, comers=not run.rough and not run.drops)
        self.database = f"cache_{os.getpid()}_{next(self.numbers)}"
        self.network = None
        server.create(self.database)
        server.load(self.world.schema(), self.database)
        url = server.url(self.database) if run.kind != "sqlite" else \
            "sqlite:///" + server.path(self.database)
        if run.kind != "sqlite" and (run.rough or run.delay):
            self.network = Network(server, run.seed)
            url = url.replace(f":{server.port}/", f":{self.network.port}/")
            self.network.tell(f"delay {run.delay}")
        self.redis, conf = None, {**CONF, **run.conf}
        if run.daemons > 1:
            self.redis = Redis()
            conf["cache"] = {"regions": {"default": {"backend": self.redis.url()}}}
        self.daemons = [Daemon({"main": {"url": url, "pool": POOL}}, conf=conf, env=run.env)
                        for _ in range(run.daemons)]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for daemon in self.daemons:
            daemon.kill()
        if self.network:
            self.network.close()
        if self.redis:
            self.redis.remove()
        self.server.drop(self.database)

    def plan(self):
        run = self.run
        numbers = {"seconds": max(1, round(run.seconds)), "reads_wanted": run.reads,
                   "seed": run.seed, "readers": run.readers, "in_flight": run.in_flight,
                   "followers": run.followers, "aborters": run.aborters,
                   "registers": len(self.world.registers), "writers": self.world.writers,
                   "pause_us": run.pause_us, "cancels": run.cancels, "drops": run.drops}
        yield from (f"{k}\t{v}" for k, v in numbers.items())
        yield from (f"port\t{d.port}" for d in self.daemons)
        yield from self.world.lines(run.cache)

    def drive(self):
        """Runs the load; (its counts, the path of the history)."""
        plan, history = (os.path.join(self.folder, name) for name in ("plan", "history"))
        with open(plan, "w", encoding="utf-8") as f:
            f.writelines(each + "\n" for each in self.plan())
        proc = subprocess.Popen([load_program(), plan, history], stdout=subprocess.PIPE, text=True)
        nemesis = self._nemesis() if self.run.rough else None
        silence = Silence(self) if self.run.redis else None
        try:
            out, _ = proc.communicate(timeout=self.run.seconds + LOAD_SECONDS)
        finally:
            proc.kill()
            for each in filter(None, (nemesis, silence)):
                each.heal()
        if nemesis:
            faults = [e["op"] for e in nemesis.history.events if e["type"] == "fault"]
            assert not faults, faults
        assert proc.returncode == 0, f"cache_load ended with {proc.returncode}"
        return json.loads(out), history

    def _nemesis(self):
        history = History(os.path.join(self.folder, "nemesis.jsonl"), "cache")
        made = Nemesis(history, self.run.seed, self.server, self.database, self.network,
                       self.daemons[0])
        made.start()
        return made


class Silence(threading.Thread):
    """Stops Redis, or the daemon that writes, for longer than what is read may be old; or
    kills Redis and starts it again, empty."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.rig, self.over = rig, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(SECONDS_OF_SILENCE):
            getattr(self, self.rig.run.redis)()

    def pause(self):
        self.rig.redis.pause()
        self.over.wait(SECONDS_OF_SILENCE)
        self.rig.redis.resume()

    def kill(self):
        self.rig.redis.kill()
        self.over.wait(SECONDS_OF_SILENCE)
        self.rig.redis.start()

    def daemon(self):
        self.rig.daemons[0].signal(signal.SIGSTOP)
        self.over.wait(SECONDS_OF_SILENCE)
        self.rig.daemons[0].signal(signal.SIGCONT)

    def heal(self):
        self.over.set()
        self.join(60)


@dataclasses.dataclass
class Result:
    counts: dict
    found: object
    world: World

    def faults(self, rough):
        """What is wrong, as lines; empty if nothing is."""
        unexpected = set(self.counts["errors"]) - ALWAYS - (ROUGH if rough else set())
        out = [f"{n} of {kind}" for kind, n in self.found.kinds.items()] + self.found.lines
        out += [f"error {code}: {self.counts['errors'][code]}" for code in sorted(unexpected)]
        if self.counts["unanswered"]:
            out.append(f"{self.counts['unanswered']} requests without an answer")
        return out

    def lines(self):
        counts, found = self.counts, self.found
        yield (f"{found.reads} reads in {counts['seconds']:.1f} s "
               f"({found.reads / counts['seconds']:.0f}/s), {dict(found.verdicts)}; writes "
               f"{dict(zip(('acknowledged', 'refused', 'unknown'), (found.writes[k] for k in range(3))))}, "
               f"{counts['aborts']} taken back, {counts['lost']} connections lost")
        yield f"errors: {counts['errors']}; the oldest read was {found.oldest_ms():.0f} ms old"

    def forms(self):
        """How each form of reading was answered."""
        names = {at: name for name, at in self.world.names.items()}
        for at in sorted({form for form, _ in self.found.by_form}):
            yield f"{names[at]}: " + ", ".join(
                f"{n} {verdict}" for (form, verdict), n in sorted(self.found.by_form.items())
                if form == at)


def perform(run, server, folder):
    """One run, judged."""
    with Rig(server, run, folder) as rig:
        counts, history = rig.drive()
        if not run.rough:
            for daemon in rig.daemons:
                daemon.stop()
        found = check(load(history), rig.world.registers, rig.world.forms,
                      SLACK_NS if run.daemons > 1 else 0)
    return Result(counts, found, rig.world)
