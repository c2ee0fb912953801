# SPDX-License-Identifier: MIT
"""What happens to databases, connections and the daemon while clients work.

Deeds are drawn from a seed, one at a time, and written into the history. `Nemesis` is a
thread; after `heal` everything runs and answers again.
"""
import os
import random
import signal
import subprocess
import sys
import threading
import time

import psycopg2
import pymysql

from daemon import DaemonError
from servers import ServerError, free_port

HERE = os.path.dirname(os.path.abspath(__file__))


class Network:
    """wire.py as a process of its own, between a client and a server."""

    def __init__(self, server, seed):
        self.port = free_port()
        self.proc = subprocess.Popen([sys.executable, os.path.join(HERE, "wire.py"),
                                      str(self.port), server.host, str(server.port), str(seed)],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.proc.stdout.readline() == "ready\n", "wire.py does not start"

    def tell(self, command):
        self.proc.stdin.write(command + "\n")
        self.proc.stdin.flush()
        return int(self.proc.stdout.readline())

    def close(self):
        self.proc.stdin.close()
        self.proc.wait(20)
        self.proc.stdout.close()


class PostgresqlHands:
    """How a PostgreSQL server is hurt."""

    def __init__(self, server, database):
        self.server, self.database = server, database

    def ask(self, sql):
        conn = psycopg2.connect(host=self.server.socket, port=self.server.port,
                                user="postgres", dbname="postgres", connect_timeout=5)
        try:
            conn.autocommit = True
            cursor = conn.cursor()
            cursor.execute(sql)
            return cursor.fetchall()
        finally:
            conn.close()

    def sessions(self):
        return [pid for pid, in self.ask(
            "select pid from pg_stat_activity where backend_type = 'client backend' "
            f"and datname = '{self.database}'")]

    def open_transactions(self):
        return self.ask("select pid, state, left(query, 80) from pg_stat_activity where "
                        f"datname = '{self.database}' and xact_start is not null")

    def terminate(self, pid):
        self.ask(f"select pg_terminate_backend({pid})")

    def cancel(self, pid):
        self.ask(f"select pg_cancel_backend({pid})")

    def stop(self, pid, seconds):
        """One backend stands still: its locks are held, its answers do not come."""
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def crash(self, pid):
        """The server ends all its backends and recovers."""
        os.kill(pid, signal.SIGKILL)


class MariadbHands:
    """How a MariaDB server is hurt: it is one process."""

    def __init__(self, server, database):
        self.server, self.database = server, database

    def ask(self, sql):
        conn = pymysql.connect(unix_socket=self.server.socket, user="root", connect_timeout=5)
        try:
            cursor = conn.cursor()
            cursor.execute(sql)
            return list(cursor.fetchall())
        finally:
            conn.close()

    def sessions(self):
        return [i for i, in self.ask("select id from information_schema.processlist "
                                     f"where db = '{self.database}'")]

    def open_transactions(self):
        return self.ask("select trx_mysql_thread_id, trx_state, trx_query "
                        "from information_schema.innodb_trx where trx_mysql_thread_id > 0")

    def terminate(self, session):
        self.ask(f"kill connection {session}")

    def cancel(self, session):
        self.ask(f"kill query {session}")

    def stop(self, _, seconds):
        self.server.pause()
        time.sleep(seconds)
        self.server.resume()

    def crash(self, _):
        self.server.kill()
        self.server.start()


HANDS = {"postgresql": PostgresqlHands, "mariadb": MariadbHands}

# How often, relative to each other.
SESSION_DEEDS = {"terminate": 6, "cancel": 4, "stop": 2, "crash": 1}
SERVER_DEEDS = {"restart": 0.5, "kill": 0.5}
NETWORK_DEEDS = {"reset": 2, "lose": 5, "hold": 2}
DAEMON_DEEDS = {"daemon_kill": 1.5, "daemon_stop": 1, "daemon_pause": 1, "daemon_reload": 1}


class Nemesis:
    """A thread that draws deeds until it is told to stop."""

    def __init__(self, history, seed, server=None, database=None, network=None, daemon=None,
                 pause=(0.15, 0.9)):
        self.history, self.rng, self.pause = history, random.Random(seed), pause
        self.server, self.network, self.daemon = server, network, daemon
        self.hands = HANDS[server.name](server, database) if server.name in HANDS else None
        self.deeds = {}
        if self.hands:
            self.deeds.update(SESSION_DEEDS | SERVER_DEEDS)
        if network:
            self.deeds.update(NETWORK_DEEDS)
        if daemon:
            self.deeds.update(DAEMON_DEEDS)
        self.counts = dict.fromkeys(self.deeds, 0)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def heal(self):
        """Stops, and brings everything back."""
        self.over.set()
        self.thread.join(180)
        assert not self.thread.is_alive(), "the nemesis does not end"
        if self.network:
            self.network.tell("lose 0 0")
        if self.hands and not self.server.running():
            self.server.start()
        self.history.add("info", "nemesis", {"f": "heal"})

    def _run(self):
        names, weights = zip(*self.deeds.items()) if self.deeds else ((), ())
        while names and not self.over.wait(self.rng.uniform(*self.pause)):
            name = self.rng.choices(names, weights)[0]
            op = {"f": name}
            try:
                getattr(self, "_" + name)(op)
                self.counts[name] += 1
            except (OSError, psycopg2.Error, pymysql.Error, IndexError) as e:
                op["failed"] = f"{type(e).__name__}: {e}"[:200]  # the server is on its way up
            except (ServerError, DaemonError) as e:
                self.history.fault(f"{name}: {e}", proc="nemesis")
                return
            self.history.add("info", "nemesis", op)

    def _one(self, op):
        """A random session of the database."""
        op["session"] = self.rng.choice(self.hands.sessions())
        return op["session"]

    def _terminate(self, op):
        found = self.hands.sessions()
        op["sessions"] = self.rng.sample(found, min(len(found), self.rng.randint(1, 3)))
        for each in op["sessions"]:
            self.hands.terminate(each)

    def _cancel(self, op):
        self.hands.cancel(self._one(op))

    def _stop(self, op):
        op["seconds"] = self.rng.uniform(0.05, 1.0)
        self.hands.stop(self._one(op), op["seconds"])

    def _crash(self, op):
        self.hands.crash(self._one(op))

    def _restart(self, _):
        self.server.restart()

    def _kill(self, _):
        self.server.kill()
        self.server.start()

    def _reset(self, _):
        self.network.tell("reset")

    def _lose(self, op):
        op["chance"], op["seconds"] = self.rng.uniform(0.01, 0.1), self.rng.uniform(0.2, 1.0)
        self.network.tell(f"lose {op['chance']} {op['seconds']}")
        self.over.wait(op["seconds"])

    def _hold(self, op):
        op["seconds"] = self.rng.uniform(0.05, 0.8)
        self.network.tell(f"hold {op['seconds']}")

    def _daemon_kill(self, _):
        self.daemon.kill()
        self.daemon.start()

    def _daemon_stop(self, _):
        self.daemon.stop()
        self.daemon.start()

    def _daemon_pause(self, op):
        op["seconds"] = self.rng.uniform(0.02, 0.5)
        self.daemon.signal(signal.SIGSTOP)
        time.sleep(op["seconds"])
        self.daemon.signal(signal.SIGCONT)

    def _daemon_reload(self, _):
        self.daemon.reload()
