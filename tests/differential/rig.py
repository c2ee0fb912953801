# SPDX-License-Identifier: MIT
"""One daemon with three logical databases, `postgresql`, `mariadb` and `sqlite`, that
hold the same tables; requests go to all three at a time."""
import json
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import schema  # noqa: E402
from daemon import Daemon  # noqa: E402
from fixture import sqlite_run  # noqa: E402
from servers import MariaDB, Postgresql, work_folder  # noqa: E402

WINDOW = 24  # requests under way on one connection
DATABASES = schema.DIALECTS
CONF = {"limits": {"rows": 100000, "depth": 64}, "workers": 3,
        "default_database": "postgresql"}


def line_of(request):
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Lane:
    """One connection: sends requests in order, keeps WINDOW of them under way."""

    def __init__(self, client, db):
        self.client, self.db = client, db

    def exchange(self, lines):
        """The reply lines to request lines (bytes without `db`)."""
        head = b'{"db":"%s",' % self.db.encode()
        out = []
        for at in range(0, len(lines), WINDOW):
            part = lines[at:at + WINDOW]
            self.client.send_raw(b"".join(head + line[1:] for line in part))
            out.extend(self.client.recv_line(120) for _ in part)
        return out


class Rig:
    """Servers, tables and a daemon. `with Rig() as rig: rig.ask_all([request, …])`"""

    def __init__(self):
        self.servers, self.daemon, self.lanes = [], None, []
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self):
        self.urls = {}
        for kind in (Postgresql, MariaDB):
            server = kind()
            self.servers.append(server)
            server.create("diff")
            server.load(schema.script(server.name), "diff")
            self.urls[server.name] = server.url("diff")
        path = os.path.join(work_folder("sqlite"), "diff.db")
        sqlite_run(path, schema.script("sqlite"))
        self.urls["sqlite"] = f"sqlite:///{path}?synchronous=off"
        self.start_daemon()
        self.fill(schema.TABLES)

    def start_daemon(self):
        self.daemon = Daemon({name: {"url": url} for name, url in self.urls.items()}, conf=CONF)
        self.lanes = [Lane(self.daemon.client(seconds=120), name) for name in DATABASES]

    def stop_daemon(self):
        for lane in self.lanes:
            lane.client.close()
        self.lanes = []
        daemon, self.daemon = self.daemon, None
        if daemon is not None:
            daemon.stop()

    def revive(self):
        """Starts servers again that ended, and waits until the daemon has them; the names
        of those."""
        dead = [s for s in self.servers if not s.running()]
        for server in dead:
            server.start()
        end = time.monotonic() + 60
        while dead and time.monotonic() < end:
            replies = self.ask_all([{"query": {"select": [1]}}])[0]
            if not any("error" in r for r in replies):
                break
            time.sleep(0.2)
        return [s.name for s in dead]

    def close(self):
        try:
            self.stop_daemon()
        finally:
            for server in self.servers:
                server.remove()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def fill(self, tables):
        """Gives tables their rows anew; what they held before is gone."""
        for replies in self.ask_all(restore(tables)):
            for reply in replies:
                if "error" in reply:
                    raise AssertionError(f"cannot fill the tables: {reply}")

    def fill_scratch(self):
        self.fill(schema.SCRATCH)

    def exchange(self, lines):
        """For each request line the reply lines of DATABASES, in that order."""
        found = [None] * len(self.lanes)

        def run(i):
            try:
                found[i] = self.lanes[i].exchange(lines)
            except Exception as e:  # reaches the caller below
                found[i] = e
        threads = [threading.Thread(target=run, args=(i,)) for i in range(len(self.lanes))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for each in found:
            if isinstance(each, Exception):
                raise each
        return list(zip(*found))

    def ask_all(self, requests):
        lines = self.exchange([line_of(r) for r in requests])
        return [[json.loads(reply) for reply in replies] for replies in lines]


def name_of(table):
    return table.name if table.name.isidentifier() else {"name": [table.name]}


def restore(tables):
    """Requests that give tables their first rows again."""
    out = [{"query": {"delete": name_of(t), "where": True}} for t in reversed(tables)]
    out += [{"query": {"insert": name_of(t), "rows": ":rows"}, "params": {"rows": data}}
            for t in tables for data in [schema.rows(t)] if data]
    return out


def dump(table):
    """A request that reads a whole table in the order of its key."""
    return {"query": {"select": "*", "from": name_of(table), "order_by": list(table.key)}}
