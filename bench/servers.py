# SPDX-License-Identifier: MIT
"""Temporary servers for bench/run: all as an unprivileged user, on loopback ports
below the ephemeral range (listeners in it fail to start after a connection storm)."""
import glob
import json
import os
import platform
import pwd
import random
import shutil
import socket
import subprocess
import time

ROWS = 100000


def nobody():
    """Arguments of Popen that give root up; none when we are not root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def free_port():
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def pg_program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found[-1] if found else name


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or name


def machine():
    cpu = platform.processor()
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
    version = subprocess.run([pg_program("postgres"), "--version"], capture_output=True,
                             text=True, check=True).stdout.split()
    return {"cpu": cpu, "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "postgresql": "PostgreSQL " + version[2]}


class World:
    """The servers of one run and their ports, by the names of bench/run."""

    def __init__(self, folder):
        self.folder = folder
        self.children = []
        self.daemon = None
        self.ports = {name: free_port()
                      for name in ("direct", "pgbouncer", "redis", "tribikos", "single")}
        user = nobody()
        if user:
            os.chown(folder, user["user"], user["group"])

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), 0o644)
        return self.path(name)

    def spawn(self, name, command):
        log = open(self.path(name + ".log"), "wb")
        child = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                 cwd=self.folder, **nobody())
        log.close()
        self.children.append((name, child))
        return child

    def pid_of(self, name):
        """The process that does the work; 0 where each client has its own."""
        names = {"pgbouncer": "pgbouncer", "redis": "redis", "tribikos": "tribikosd",
                 "single": "tribikosd-single"}
        return dict(self.children)[names[name]].pid if name in names else 0

    def wait_for(self, name, ready):
        """Until ready() is true; a dead or silent server ends the run with its log."""
        child = dict(self.children)[name]
        end = time.monotonic() + 30
        while time.monotonic() < end and child.poll() is None:
            try:
                if ready():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as f:
            raise SystemExit(f"{name} did not start:\n{f.read()[-2000:]}")

    def listening(self, name):
        with socket.create_connection(("127.0.0.1", self.ports[name]), 1):
            return True

    def psql(self, sql):
        return subprocess.run(["psql", "-qAtX", "-h", "127.0.0.1", "-p",
                               str(self.ports["direct"]), "-U", "bench", "-v",
                               "ON_ERROR_STOP=1", "bench"], input=sql, text=True,
                              capture_output=True, check=True).stdout

    def start_peers(self):
        self.start_postgresql()
        self.start_pgbouncer()
        self.start_redis()

    def start_postgresql(self):
        data = self.path("pg")
        subprocess.run([pg_program("initdb"), "-D", data, "-A", "trust", "-U", "bench",
                        "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"], check=True,
                       cwd=self.folder, stdout=subprocess.DEVNULL, **nobody())
        self.spawn("postgresql", [pg_program("postgres"), "-D", data,
                                  "-p", str(self.ports["direct"]), "-k", self.folder,
                                  "-c", "listen_addresses=127.0.0.1",
                                  "-c", "max_connections=400",
                                  "-c", "shared_buffers=256MB"])
        check = [pg_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p",
                 str(self.ports["direct"])]
        self.wait_for("postgresql", lambda: subprocess.run(check, check=False).returncode == 0)
        subprocess.run(["createdb", "-h", "127.0.0.1", "-p", str(self.ports["direct"]), "-U",
                        "bench", "bench"], check=True)
        self.psql(f"""
            CREATE TABLE users (id integer PRIMARY KEY, name varchar(40) NOT NULL,
                                email varchar(60) NOT NULL, age integer);
            INSERT INTO users SELECT i, 'Firstname Lastname no. ' || i,
                'firstname.lastname.number.' || i || '@mail.example.com', i % 90
                FROM generate_series(1, {ROWS}) i;
            CREATE TABLE events (id bigserial PRIMARY KEY, user_id integer NOT NULL,
                                 note text NOT NULL);
            CREATE TABLE orders (id integer PRIMARY KEY,
                                 user_id integer NOT NULL REFERENCES users,
                                 total numeric(10,2) NOT NULL, status varchar(10) NOT NULL);
            INSERT INTO orders SELECT i, (i - 1) % {ROWS // 10} + 1, i % 10000 / 100.0,
                CASE i % 3 WHEN 0 THEN 'open' WHEN 1 THEN 'paid' ELSE 'sent' END
                FROM generate_series(1, {ROWS}) i;
            CREATE INDEX ON orders (user_id);
            CREATE TABLE products (id integer PRIMARY KEY, title varchar(40) NOT NULL,
                                   price numeric(10,2) NOT NULL);
            INSERT INTO products SELECT i, 'Product no. ' || i, i % 5000 / 100.0
                FROM generate_series(1, {ROWS}) i;
            VACUUM ANALYZE;
            CHECKPOINT;""")

    def start_pgbouncer(self):
        ini = self.write("pgbouncer.ini", f"""
[databases]
bench = host=127.0.0.1 port={self.ports["direct"]} dbname=bench user=bench
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.ports["pgbouncer"]}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 16
max_client_conn = 1000
log_connections = 0
log_disconnections = 0
""")
        self.spawn("pgbouncer", [program("pgbouncer"), ini])
        self.wait_for("pgbouncer", lambda: self.listening("pgbouncer"))

    def start_redis(self):
        """Redis holds the very lines that tribikosd answers with."""
        self.spawn("redis", [program("redis-server"), "--port", str(self.ports["redis"]),
                             "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        self.wait_for("redis", lambda: self.listening("redis"))
        rows = self.psql("SELECT id, name, email, age FROM users").splitlines()
        with socket.create_connection(("127.0.0.1", self.ports["redis"])) as s:
            for at in range(0, len(rows), 5000):
                part = rows[at:at + 5000]
                s.sendall(b"".join(self.redis_set(row) for row in part))
                owed = 5 * len(part)  # "+OK\r\n" each
                while owed > 0:
                    owed -= len(s.recv(65536))

    @staticmethod
    def redis_set(row):
        key, name, email, age = row.split("|")
        line = json.dumps({"columns": ["id", "name", "email", "age"],
                           "types": ["integer", "varchar", "varchar", "integer"],
                           "rows": [[int(key), name, email, int(age)]], "rowcount": 1},
                          separators=(",", ":")).encode()
        name = b"u:" + key.encode()
        return b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(name), name, len(line),
                                                                   line)

    def start_daemon(self, binary, pool):
        """One database under three names: everything on, without fusion, and with a
        connection of its own for each request that runs."""
        copy = self.path("tribikosd")  # the build may lie where nobody cannot look
        shutil.copy(binary, copy)
        os.chmod(copy, 0o755)
        url = f"postgresql://bench@127.0.0.1:{self.ports['direct']}/bench"
        ways = {"main": {}, "unfused": {"fusion": "off"},
                "alone": {"fusion": "off", "pipelining": "off"}}
        databases = {name: {"url": url, "functions": ["pg_sleep"],
                            "pool": dict(size=pool, max_overflow=0, **way)}
                     for name, way in ways.items()}
        self.daemon = self.spawn_daemon("tribikosd", copy, "tribikos", databases)
        # Redis has one thread: the cache is measured with as many, too
        self.spawn_daemon("tribikosd-single", copy, "single", databases, workers=1)

    def spawn_daemon(self, name, binary, port, databases, **further):
        conf = self.write(name + ".yaml", json.dumps({
            "listen": [{"tcp": f"127.0.0.1:{self.ports[port]}"}],
            "http": "off",
            "cache": {"regions": {"default": {"backend": "memory", "ttl": "1h"}}},
            "databases": databases, **further}))
        child = self.spawn(name, [binary, "-c", conf])
        self.wait_for(name, lambda: self.daemon_answers(port))
        return child

    def daemon_answers(self, port):
        query = {"query": {"select": ["id"], "from": "users", "where": ["=", "id", 1]}}
        with socket.create_connection(("127.0.0.1", self.ports[port]), 5) as s:
            s.sendall(json.dumps(query).encode() + b"\n")
            reply = s.makefile().readline()
        return '"rows":[[1]]' in reply

    def daemon_rss_kib(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="utf-8") as f:
            for line in f:
                if line.startswith("VmRSS"):
                    return int(line.split()[1])
        return 0

    def stop(self):
        for _, child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
        for _, child in reversed(self.children):
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
