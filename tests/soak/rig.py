# SPDX-License-Identifier: MIT
"""One run: a database, what stands before it, clients, the nemesis, and the verdict.

    result = run(Plan("postgresql", "repeatable read", "proxy", 20, seed=7), server, folder)
"""
import collections
import dataclasses
import itertools
import os
import random
import shutil
import sqlite3
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import bank  # noqa: E402
import check_append  # noqa: E402
import check_bank  # noqa: E402
import list_append  # noqa: E402
from anomalies import Anomalies, check_common  # noqa: E402
from chaos import Chaos  # noqa: E402
from daemon import Daemon, DaemonError  # noqa: E402
from direct import Direct  # noqa: E402
from history import History, operations  # noqa: E402
from nemesis import Nemesis, Network  # noqa: E402
from proxy import Line, Session  # noqa: E402
from servers import MariaDB, Postgresql, work_folder  # noqa: E402
from statements import Refused, Unknown  # noqa: E402

SESSIONS = 7        # of each workload
PER_CONNECTION = 3  # sessions that share a connection of a client
SETTLE_SECONDS = 60
END_SECONDS = 150   # for an operation that was under way when the time was over
REFUSED_PAUSE = 0.02
KEYS_PER_SECOND = 100

CONF = {"workers": 2, "limits": {"drain": "2s"}}
POOL = {"size": 6, "max_overflow": 4, "timeout": "5s"}


class Sqlite:
    """What a server is to the others, as far as a file can be it."""
    name = "sqlite"

    def __init__(self):
        self.folder = work_folder("sqlite")

    def path(self, database):
        return os.path.join(self.folder, database + ".db")

    def create(self, database):
        self.load("pragma journal_mode = wal;", database)

    def load(self, text, database):
        conn = sqlite3.connect(self.path(database))
        conn.executescript(text)
        conn.close()

    def drop(self, database):
        for tail in ("", "-wal", "-shm"):
            if os.path.exists(self.path(database) + tail):
                os.remove(self.path(database) + tail)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


KINDS = {"postgresql": Postgresql, "mariadb": MariaDB, "sqlite": Sqlite}


@dataclasses.dataclass
class Plan:
    kind: str
    isolation: str
    through: str        # "proxy" or "control"
    seconds: float
    seed: int
    calm: bool = False  # without faults: what is wrong then is wrong always

    def name(self):
        return f"{self.kind}, {self.isolation}, {self.through}"

    def word(self):
        return self.name().replace(", ", "-").replace(" ", "-")

    def database(self):
        return f"soak_{self.word().replace('-', '_')}_{self.seed}"


@dataclasses.dataclass
class Result:
    plan: Plan
    path: str                  # of the history
    found: Anomalies
    outcomes: collections.Counter
    deeds: dict
    codes: collections.Counter  # errors that the daemon gave
    lost_answers: int


class Rig:
    """What a run stands on. Faults go through `network`, the oracle does not."""

    def __init__(self, server, plan, history):
        self.server, self.plan, self.history = server, plan, history
        self.rng, self.codes = random.Random(plan.seed), collections.Counter()
        self.database = plan.database()
        self.network = self.daemon = None
        self.workloads = [bank.Bank(plan.isolation)]
        script = bank.script()
        if plan.kind != "sqlite":
            keys = max(400, int(plan.seconds * KEYS_PER_SECOND))
            self.workloads.append(list_append.ListAppend(plan.isolation, keys))
            script += list_append.script(keys)
        server.create(self.database)
        server.load(script, self.database)

    def __enter__(self):
        try:
            if self.plan.kind != "sqlite":
                self.network = Network(self.server, self.rng.getrandbits(32))
            if self.plan.through == "proxy":
                self.daemon = Daemon({"main": {"url": self._url(), "pool": POOL}}, conf=CONF)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        if self.daemon:
            self.daemon.kill()
            shutil.copy(self.daemon.log_path, self.history.path.replace(".jsonl", ".log"))
        if self.network:
            self.network.close()

    def _url(self):
        url = self.server.url(self.database) if self.network else \
            "sqlite:///" + self.server.path(self.database)
        return url.replace(f":{self.server.port}/", f":{self.network.port}/") \
            if self.network else url

    def sessions(self):
        """[(session, workload)]."""
        make = self._through_daemon if self.daemon else self._straight
        return [(session, w) for w in self.workloads for session in make(type(w).__name__)]

    def _chaos(self):
        return Chaos(self.rng.getrandbits(32), 0 if self.plan.calm else 1)

    def _straight(self, name):
        port = self.network.port if self.network else None
        return [Direct(self.server, self.database, port, f"{name} {at}", self._chaos())
                for at in range(SESSIONS)]

    def _through_daemon(self, name):
        """The first has a connection without ids for itself, others share theirs."""
        out, line = [], None
        for at in range(SESSIONS):
            if at == 0 or at % PER_CONNECTION == 1:
                line = Line(("127.0.0.1", self.daemon.port), self.history, with_ids=at > 0)
            out.append(Session(line, f"t{at}", f"{name} {at}", self._chaos(), self.codes))
        return out

    def nemesis(self):
        return Nemesis(self.history, self.rng.getrandbits(32), self.server, self.database,
                       self.network, self.daemon)


class Client(threading.Thread):
    """A client process: one operation after the other until the time is over."""

    def __init__(self, history, proc, session, workload, numbers, seed):
        super().__init__(daemon=True)
        self.history, self.proc, self.session = history, proc, session
        self.workload, self.numbers = workload, numbers
        self.rng, self.over = random.Random(seed), threading.Event()

    def run(self):
        try:
            while not self.over.is_set():
                op = self.workload.next(self.rng, next(self.numbers))
                if op is None:
                    break
                self.perform(op)
        except Exception as e:  # a fault of the test must not look like a quiet client
            self.history.fault(f"{type(e).__name__}: {e}", proc=self.proc)
            raise

    def perform(self, op):
        session = self.session
        i = self.history.add("invoke", self.proc, op, session=session.name)
        session.nonces = []
        try:
            kind, more = "ok", self.workload.perform(session, op, self.rng)
        except Refused as e:
            kind, more = "fail", {"error": e.code}
        except Unknown as e:
            kind, more = "info", {"error": e.code}
        done = {**op, **more, "nonces": session.nonces}
        self.history.add(kind, self.proc, done, i, session.name)
        if kind == "info":
            self.proc += 1000  # nobody knows what the old one still does
        if kind != "ok":
            time.sleep(self.rng.uniform(0, REFUSED_PAUSE))


def run(plan, server, folder):
    """Runs a plan and judges it; the history is kept in folder."""
    path = os.path.join(folder, plan.word() + ".jsonl")
    with History(path, plan.through) as history, Rig(server, plan, history) as rig:
        nemesis = rig.nemesis()
        work(rig, nemesis)
        settle(rig)
        history.add("ok", "oracle", oracle(rig))
        lost = rig.network.tell("count") if rig.network else 0
        if rig.daemon:
            stop_daemon(rig)
    outcomes = collections.Counter(f"{one.f} {one.type}"
                                   for one in operations(history.events).values())
    return Result(plan, path, judge(history.events), outcomes, nemesis.counts, rig.codes, lost)


def work(rig, nemesis):
    """Clients and nemesis at once; then the clients' last operations without faults."""
    sessions = rig.sessions()
    numbers = {id(w): itertools.count(1) for w in rig.workloads}
    clients = [Client(rig.history, proc, session, w, numbers[id(w)], rig.rng.getrandbits(32))
               for proc, (session, w) in enumerate(sessions)]
    for client in clients:
        client.start()
    if not rig.plan.calm:
        nemesis.start()
    time.sleep(rig.plan.seconds)
    if not rig.plan.calm:
        nemesis.heal()
    for client in clients:
        client.session.chaos.on = False
        client.over.set()
    end = time.monotonic() + END_SECONDS
    for client in clients:
        client.join(max(0, end - time.monotonic()))
        if client.is_alive():
            rig.history.fault(f"{client.session.name} does not end", proc=client.proc)
    for session, _ in sessions:
        session.close()


def settle(rig):
    """With all clients gone no transaction may stay open."""
    hands = rig.nemesis().hands
    if hands is None:
        return
    end = time.monotonic() + SETTLE_SECONDS
    while left := hands.open_transactions():
        if time.monotonic() > end:
            rig.history.fault(f"a transaction is left open: {left}", proc="oracle")
            return
        time.sleep(0.1)


def stop_daemon(rig):
    try:
        rig.daemon.stop()
    except DaemonError as e:
        rig.history.fault(f"the daemon does not end well: {e}", proc="daemon")


def oracle(rig):
    """What is in the database, read without the daemon."""
    straight = Direct(rig.server, rig.database, getattr(rig.server, "port", None), "oracle",
                      Chaos(0, 0))
    out = {"f": "final",
           "accounts": dict(straight.all("select id, balance from accounts")),
           "ledger": straight.all("select id, source, target, amount from ledger order by id"),
           "marks": [i for i, in straight.all("select id from marks order by id")]}
    if len(rig.workloads) > 1:
        out["lists"] = {k: list_append.members(v) for k, v in
                        straight.all("select k, v from lists where v <> ''")}
    straight.close()
    return out


def judge(events):
    """All that can be said against a history."""
    found = check_common(events, operations(events))
    found.merge(check_bank.check(events, bank.ACCOUNTS, bank.START))
    if any(e["op"].get("f") == "txn" for e in events):
        found.merge(check_append.check(events))
    return found
