# SPDX-License-Identifier: MIT
"""A fresh, empty database with the demo's tables, of each kind.

PostgreSQL and MariaDB are started for the demo alone, in a temporary folder, on a
free loopback port, as `nobody` when we are root; they outlive this process when the
demo leaves the daemon running. The password is made up anew each time.
"""
import contextlib
import glob
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class DemoError(Exception):
    """Something that the person at the keyboard should read as it is."""


def schema_text(kind):
    with open(os.path.join(HERE, f"schema.{kind}.sql"), encoding="utf-8") as f:
        return f.read()


def port_is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port():
    """Below 32768: above, the kernel lends ports to outgoing connections."""
    ports = [random.randint(15000, 32000) for _ in range(200)]
    return next(p for p in ports if port_is_free(p))


def find_program(name, package):
    versioned = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"),
                       key=lambda p: float(p.split("/")[4]))
    path = versioned[-1] if versioned else shutil.which(
        name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise DemoError(f"{name} is missing: apt-get install {package}")
    return path


def not_root():
    """Keywords for subprocess: servers refuse to run as root, or should not."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def end_group(proc):
    """Ends a tool and what it started in its turn, which would go on writing into a
    folder that is about to be removed."""
    for sig, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            proc.poll()
            try:
                os.killpg(proc.pid, sig)
            except ProcessLookupError:
                return
            time.sleep(0.02)


def run(argv, text=None, **more):
    with subprocess.Popen(argv, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, start_new_session=True, **more) as proc:
        try:
            output = proc.communicate(text)[0]
        except BaseException:
            end_group(proc)
            raise
    if proc.returncode != 0:
        raise DemoError(f"{os.path.basename(argv[0])} failed:\n{output[-3000:]}")
    return output


def remove_files(paths):
    for path in paths:
        if os.path.exists(path):
            os.remove(path)


class SQLite:
    """A file; the daemon opens it itself."""

    kind, pid, folder = "sqlite", None, None

    def __init__(self, path):
        self.path, self.url = path, None  # the conf file has it already

    def files(self):
        return [self.path + suffix for suffix in ("", "-wal", "-shm", "-journal")]

    def start(self, hold, started):
        del hold, started
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        remove_files(self.files())
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            connection.executescript("PRAGMA journal_mode = WAL;\n" + schema_text("sqlite"))


class Server:
    """What the two servers share. start() calls started() as soon as there is
    something to clear away; `hold` puts interrupts off until it was called."""

    kind = stop_signal = None

    def __init__(self):
        self.port, self.pid, self.folder, self.proc = free_port(), None, None, None
        self.password = secrets.token_urlsafe(18)
        self.url = f"{self.kind}://demo:{self.password}@127.0.0.1:{self.port}/demo"

    def in_folder(self, name):
        return os.path.join(self.folder, name)

    def tool(self, argv, text=None):
        return run(argv, text, cwd=self.folder, env={
            "PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": self.folder,
            "TMPDIR": self.folder}, **not_root())

    def start(self, hold, started):
        with hold():
            self.folder = tempfile.mkdtemp(prefix=f"tribikos-demo-{self.kind}-")
            started()
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self.make()
        with open(self.in_folder("log"), "wb") as log, hold():
            self.proc = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, start_new_session=True, **not_root())
            self.pid = self.proc.pid
            started()
        end = time.monotonic() + 60
        while not self.answers():
            if self.proc.poll() is not None or time.monotonic() > end:
                with open(self.in_folder("log"), encoding="utf-8", errors="replace") as log:
                    raise DemoError(f"{self.kind} did not start:\n{log.read()[-3000:]}")
            time.sleep(0.05)
        self.fill()


class PostgreSQL(Server):
    kind, stop_signal = "postgresql", signal.SIGINT

    def make(self):
        self.tool([find_program("initdb", "postgresql"), "-D", self.in_folder("data"), "-U", "demo",
                   "-E", "UTF8", "--locale=C.UTF-8", "--auth-local=trust",
                   "--auth-host=scram-sha-256", "--no-sync"])

    def command(self):
        return [find_program("postgres", "postgresql"), "-D", self.in_folder("data"),
                "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
                "-c", f"unix_socket_directories={self.folder}", "-c", "max_wal_size=4GB"]

    def psql(self, database, text):
        return self.tool([find_program("psql", "postgresql-client"), "-X", "-q",
                          "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", str(self.port),
                          "-U", "demo", "-d", database, "-f", "-"], text)

    def answers(self):
        return subprocess.run([find_program("pg_isready", "postgresql-client"), "-q",
                               "-h", self.folder, "-p", str(self.port)],
                              check=False, start_new_session=True).returncode == 0

    def fill(self):
        self.psql("postgres", f"ALTER ROLE demo PASSWORD '{self.password}'; CREATE DATABASE demo;")
        self.psql("demo", schema_text(self.kind))


class MariaDB(Server):
    kind, stop_signal = "mariadb", signal.SIGTERM

    def make(self):
        self.tool([find_program("mariadb-install-db", "mariadb-server"), "--no-defaults",
                   "--datadir=" + self.in_folder("data"), "--skip-test-db",
                   "--auth-root-authentication-method=normal"])

    def command(self):
        return [find_program("mariadbd", "mariadb-server"), "--no-defaults",
                "--datadir=" + self.in_folder("data"), "--socket=" + self.in_folder("socket"),
                f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve",
                "--pid-file=" + self.in_folder("pid"), "--innodb-buffer-pool-size=256M",
                "--tmpdir=" + self.folder]

    def client(self, *more):
        return [find_program("mariadb", "mariadb-client"), "--no-defaults", "-u", "root",
                "--socket=" + self.in_folder("socket"), *more]

    def answers(self):
        return subprocess.run(self.client("-e", "select 1"), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False,
                              start_new_session=True).returncode == 0

    def fill(self):
        # Bytewise collation: package names compare as in the other two.
        self.tool(self.client(),
                  "CREATE DATABASE demo CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;"
                  f"CREATE USER demo@'127.0.0.1' IDENTIFIED BY '{self.password}';"
                  "GRANT ALL ON demo.* TO demo@'127.0.0.1';")
        self.tool(self.client("demo"), schema_text(self.kind))


SERVERS = {"postgresql": PostgreSQL, "mariadb": MariaDB}
