# SPDX-License-Identifier: MIT
"""Real PostgreSQL and MariaDB servers in temporary folders.

    with Postgresql() as pg:            # or MariaDB()
        pg.create("shop")               # an empty database
        print(pg.url("shop"))           # for a conf file, over TCP
        pg.kill(); pg.start()           # as after a crash

Servers run as `nobody` when the tests run as root, on a Unix socket and a
loopback port below 32768 (above it the kernel may have lent the port to an
outgoing connection). Nothing is synced to disk, but every commit is written, so
that a killed server has all it acknowledged. Both are set up a little
unkindly: a time zone that is not UTC, MariaDB's latin1 default, and a password
that must be percent-encoded in a URL.

As a program it runs a command beside the servers it names:

    python3 tests/integration/servers.py postgresql mariadb -- ninja test

with TEST_PG_URL, TEST_PG_HOST (socket folder), TEST_PG_PORT, TEST_PG_USER,
TEST_PG_PASSWORD, TEST_PG_DATABASE and the same as TEST_MARIA_… (HOST 127.0.0.1,
SOCKET the Unix socket) in its environment.
"""
import collections
import glob
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

from guard import guard, kill_tree

PASSWORD = "s3cret:/?#@%p w"
USER = "app"
START_SECONDS = 60


def stands_still(pid):
    """Whether every thread of pid is stopped (or gone)."""
    for stat in glob.glob(f"/proc/{pid}/task/*/stat"):
        try:
            with open(stat, encoding="utf-8") as f:
                if f.read().rsplit(")", 1)[1].split()[0] not in "TtZX":
                    return False
        except (FileNotFoundError, ProcessLookupError):
            pass
    return True


class ServerError(Exception):
    """A server could not be started or used: the suite must fail, never skip."""


PORTS = range(15000, 32000)
GIVEN = collections.deque(maxlen=500)  # lately, and perhaps not listened on yet


def free_port():
    """A loopback port below 32768 that nobody listens on now. Runs at the same time have
    ports of their own: $TRIBIKOS_TEST_PORTS is `part/parts`."""
    part, parts = map(int, os.environ.get("TRIBIKOS_TEST_PORTS", "0/1").split("/"))
    own = PORTS[part * len(PORTS) // parts:(part + 1) * len(PORTS) // parts]
    for _ in range(200):
        port = random.choice(own)
        if port in GIVEN:
            continue
        GIVEN.append(port)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerError(f"no free port between {own[0]} and {own[-1]}")


def work_folder(prefix):
    """A new folder that the servers' user can enter; removed when the run ends."""
    path = tempfile.mkdtemp(prefix=f"tribikos-{prefix}-")
    os.chmod(path, 0o755)
    guard().add_folder(path)
    return path


def server_user():
    """Keywords for subprocess that drop root; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def gone(pid):
    """Whether no process of this id runs any more (a zombie does not run)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def wait_for(what, condition, seconds=START_SECONDS):
    """Waits until condition() is true; ServerError with `what` when it does not come."""
    end = time.monotonic() + seconds
    while True:
        if condition():
            return
        if time.monotonic() > end:
            raise ServerError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


class Server:
    """What both have in common. `folder` holds data, socket and log."""

    name = None
    stop_signal = signal.SIGTERM

    def __init__(self):
        self.folder = work_folder(self.name)
        self.data = os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "log")
        self.port = free_port()
        self.host, self.user, self.password = "127.0.0.1", USER, PASSWORD
        self.proc = None
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        try:
            self.prepare()
            self.start()
            self.first_start()
        except BaseException:
            self.remove()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()

    def tool(self, argv, data=None):
        """Runs a program of the server as its user; its output, or ServerError."""
        done = subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd=self.folder, text=True, check=False,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                                   "HOME": self.folder, "TMPDIR": self.folder}, **server_user())
        if done.returncode != 0:
            raise ServerError(f"{argv[0]} failed ({done.returncode}):\n{done.stdout[-4000:]}")
        return done.stdout

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def launch(self):
        """Starts the server without waiting for it."""
        with open(self.log_path, "ab") as log:
            self.proc = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=log, cwd=self.folder, start_new_session=True,
                                         env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                                              "HOME": self.folder}, **server_user())
        guard().add_process(self.proc.pid)

    def start(self):
        """Starts the server and waits until it answers."""
        self.launch()

        def up():
            if self.proc.poll() is not None:
                raise ServerError(f"{self.name} ended with {self.proc.returncode} at its start:\n"
                                  f"{self.log()[-4000:]}")
            return self.answers()
        try:
            wait_for(f"{self.name} to answer; its log ends with:\n{self.log()[-2000:]}", up)
        except ServerError:
            self.kill()
            raise

    def running(self):
        return self.proc is not None and self.proc.poll() is None

    def _reap(self):
        self.proc.wait(60)
        guard().drop_process(self.proc.pid)
        self.proc = None

    def stop(self):
        """An orderly end that breaks open sessions."""
        if self.proc is None:
            return
        self.proc.send_signal(self.stop_signal)
        try:
            self._reap()
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerError(f"{self.name} did not stop") from None

    def kill(self):
        """kill -9 of the server and all its processes, and waits until they are gone."""
        if self.proc is None:
            return
        family = kill_tree(self.proc.pid)
        self._reap()
        wait_for(f"{self.name}'s processes to end", lambda: all(gone(p) for p in family))

    def restart(self):
        self.stop()
        self.start()

    def pause(self):
        """SIGSTOP: the kernel still takes connections, nobody answers. Threads stop one
        by one: it returns when the last of them stands still."""
        family = kill_tree(self.proc.pid, signal.SIGSTOP)
        end = time.monotonic() + 10
        while not all(stands_still(pid) for pid in family):
            assert time.monotonic() < end, "the server does not stop"
            time.sleep(0.005)

    def resume(self):
        kill_tree(self.proc.pid, signal.SIGCONT)

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database, **options):
        """A conf URL over TCP for the ordinary user."""
        query = "?" + urllib.parse.urlencode(options) if options else ""
        password = urllib.parse.quote(self.password, safe="")
        return f"{self.name}://{self.user}:{password}@{self.host}:{self.port}/{database}{query}"


class Postgresql(Server):
    name = "postgresql"
    stop_signal = signal.SIGINT  # "fast": sessions are ended

    @staticmethod
    def binary(tool):
        found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{tool}"),
                       key=lambda p: int(p.split("/")[4]) if p.split("/")[4].isdigit() else 0)
        path = found[-1] if found else shutil.which(tool)
        if path is None:
            raise ServerError(f"{tool} is not installed (package postgresql)")
        return path

    def prepare(self):
        self.socket = self.folder
        password_file = os.path.join(self.folder, "password")
        with open(password_file, "w", encoding="utf-8") as f:
            f.write("admin")
        os.chmod(password_file, 0o644)
        self.tool([self.binary("initdb"), "-D", self.data, "-U", "postgres", "-E", "UTF8",
                   "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256",
                   "--pwfile=" + password_file, "--no-sync"])
        settings = {"port": self.port, "listen_addresses": "127.0.0.1",
                    "unix_socket_directories": self.socket, "fsync": "off",
                    "full_page_writes": "off",
                    "max_connections": "120", "shared_buffers": "64MB",
                    "max_wal_size": "4GB", "timezone": "Asia/Kolkata",
                    "log_line_prefix": "%m [%p] ", "logging_collector": "off"}
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a", encoding="utf-8") as f:
            f.writelines(f"{k} = '{v}'\n" for k, v in settings.items())

    def command(self):
        return [self.binary("postgres"), "-D", self.data]

    def answers(self):
        return subprocess.run([self.binary("pg_isready"), "-q", "-h", self.socket, "-p",
                               str(self.port)], check=False).returncode == 0

    def first_start(self):
        quoted = PASSWORD.replace("'", "''")
        self.sql(f"CREATE ROLE {USER} LOGIN CREATEDB PASSWORD '{quoted}'", "postgres")

    def sql(self, text, database):
        """Runs statements as the administrator; unaligned output."""
        return self.tool([self.binary("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                          "-h", self.socket, "-p", str(self.port), "-U", "postgres",
                          "-d", database, "-f", "-"], text)

    def load(self, text, database):
        """Runs statements as the ordinary user."""
        return self.tool([self.binary("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                          "-h", self.socket, "-p", str(self.port), "-U", USER,
                          "-d", database, "-f", "-"], text)

    def create(self, database, template=None):
        like = f' TEMPLATE "{template}"' if template else ""
        self.sql(f'CREATE DATABASE "{database}" OWNER {USER}{like}', "postgres")

    def drop(self, database):
        self.sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', "postgres")

    def sessions(self, database):
        """How many client sessions the database has now."""
        return int(self.sql("SELECT count(*) FROM pg_stat_activity WHERE "
                            f"backend_type = 'client backend' AND datname = '{database}'",
                            "postgres"))


class MariaDB(Server):
    name = "mariadb"

    @staticmethod
    def binary(tool):
        path = shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if path is None:
            raise ServerError(f"{tool} is not installed (package mariadb-server)")
        return path

    def prepare(self):
        self.socket = os.path.join(self.folder, "socket")
        self.tool([self.binary("mariadb-install-db"), "--no-defaults", "--datadir=" + self.data,
                   "--auth-root-authentication-method=normal", "--skip-test-db",
                   "--skip-name-resolve"])

    def command(self):
        return [self.binary("mariadbd"), "--no-defaults", "--datadir=" + self.data,
                "--socket=" + self.socket, f"--port={self.port}", "--bind-address=127.0.0.1",
                "--pid-file=" + os.path.join(self.folder, "pid"), "--skip-name-resolve",
                "--skip-log-bin", "--innodb-flush-log-at-trx-commit=2",
                "--innodb-doublewrite=0", "--innodb-buffer-pool-size=64M",
                "--max-connections=200", "--default-time-zone=+05:30",
                "--tmpdir=" + self.folder]

    def client(self, *more):
        return [self.binary("mariadb"), "--no-defaults", "--socket=" + self.socket,
                "--default-character-set=utf8mb4", "--batch", "--skip-column-names", *more]

    def answers(self):
        return subprocess.run(self.client("-u", "root", "-e", "select 1"), check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                              ).returncode == 0

    def first_start(self):
        quoted = PASSWORD.replace("\\", "\\\\").replace("'", "''")
        for host in ("%", "localhost"):
            self.sql(f"CREATE USER {USER}@'{host}' IDENTIFIED BY '{quoted}'; "
                     f"GRANT ALL ON *.* TO {USER}@'{host}'", "mysql")

    def sql(self, text, database):
        """Runs statements as the administrator; tab-separated output."""
        return self.tool(self.client("-u", "root", database), text)

    def load(self, text, database):
        return self.sql(text, database)

    def create(self, database):
        self.sql(f"CREATE DATABASE `{database}`", "mysql")

    def drop(self, database):
        self.sql(f"DROP DATABASE IF EXISTS `{database}`", "mysql")

    def sessions(self, database):
        return int(self.sql("SELECT count(*) FROM information_schema.processlist "
                            f"WHERE db = '{database}' AND user = '{USER}'", "mysql"))


class PostgresqlPrimary(Postgresql):
    """A primary that replicas may follow, and that may become one."""

    def __init__(self, **settings):
        self.settings = {"hot_standby": "on", "wal_level": "replica", "max_wal_senders": "8",
                         "wal_keep_size": "256MB", **settings}
        super().__init__()

    def prepare(self):
        super().prepare()
        self.configure(self.settings)
        with open(os.path.join(self.data, "pg_hba.conf"), "a", encoding="utf-8") as f:
            f.write("local replication all trust\n")

    def configure(self, settings):
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a", encoding="utf-8") as f:
            f.writelines(f"{k} = '{v}'\n" for k, v in settings.items())

    def refuse_writes(self):
        """Sessions that are open have to heed it too."""
        self.sql("alter system set default_transaction_read_only = on", "postgres")
        self.sql("select pg_reload_conf()", "postgres")

    def position(self):
        return self.sql("select pg_current_wal_insert_lsn()", "postgres").strip()

    def copy_of(self, primary):
        """Becomes a replica of `primary`, with nothing left of what it was."""
        self.primary = primary
        shutil.rmtree(self.data, ignore_errors=True)
        self.tool([self.binary("pg_basebackup"), "-D", self.data, "-R", "-X", "stream",
                   "-c", "fast", "-h", primary.socket, "-p", str(primary.port), "-U",
                   "postgres", "--no-sync"])
        self.configure({"port": self.port, "unix_socket_directories": self.socket})

    def hold(self):
        """Nothing more is replayed until let_go."""
        self.sql("select pg_wal_replay_pause()", "postgres")
        wait_for("the replay to pause", lambda: self.sql(
            "select pg_get_wal_replay_pause_state()", "postgres").strip() == "paused")

    def let_go(self):
        self.sql("select pg_wal_replay_resume()", "postgres")

    def promote(self):
        self.sql("select pg_promote()", "postgres")

    def has_all_of(self, primary):
        """Whether all that the primary wrote until now is replayed here."""
        return self.sql(f"select pg_last_wal_replay_lsn() >= '{primary.position()}'",
                        "postgres").strip() == "t"


class PostgresqlReplica(PostgresqlPrimary):
    """Streams from a primary (over its socket), from a copy of its files."""

    def __init__(self, primary):
        self.primary = primary
        super().__init__()

    def prepare(self):
        self.socket = self.folder
        self.copy_of(self.primary)

    def first_start(self):
        pass


class MariaDBPrimary(MariaDB):
    """A primary with a binary log, that may become a replica; each server has an id of its
    own."""

    server_id = 1

    def command(self):
        less = [word for word in super().command() if word != "--skip-log-bin"]
        return less + [f"--server-id={self.server_id}", "--log-bin=binlog",
                       "--log-slave-updates=1", "--gtid-strict-mode=1", "--sync-binlog=0",
                       "--slave-net-timeout=4"]

    def first_start(self):
        """The ordinary user is bound by read_only, as it is where it has few rights."""
        super().first_start()
        for host in ("%", "localhost"):
            self.sql(f"REVOKE READ_ONLY ADMIN, SUPER ON *.* FROM {USER}@'{host}'", "mysql")

    def refuse_writes(self):
        self.sql("set global read_only = 1", "mysql")

    def position(self):
        return self.sql("select @@gtid_current_pos", "mysql").strip()

    def follow(self, primary):
        self.primary = primary
        self.sql("stop slave; change master to master_host='127.0.0.1', "
                 f"master_port={primary.port}, master_user='{USER}', "
                 f"master_password='{PASSWORD}', master_use_gtid=slave_pos, "
                 "master_connect_retry=1; start slave; set global read_only = 1", "mysql")

    def hold(self):
        self.sql("stop slave sql_thread", "mysql")

    def let_go(self):
        self.sql("start slave sql_thread", "mysql")

    def promote(self):
        self.sql("stop slave; reset slave all; set global read_only = 0", "mysql")

    def has_all_of(self, primary):
        return self.sql(f"select master_gtid_wait('{primary.position()}', 0)",
                        "mysql").strip() == "0"


class MariaDBReplica(MariaDBPrimary):
    """Follows a primary by GTID from its first event on, and is read_only."""

    def __init__(self, primary, server_id):
        self.primary, self.server_id = primary, server_id
        super().__init__()

    def first_start(self):
        self.sql("reset master", "mysql")
        self.follow(self.primary)


class Redis(Server):
    """Keeps nothing over a restart, and wants a password."""

    name = "redis"

    def prepare(self):
        self.socket = os.path.join(self.folder, "socket")

    def command(self):
        return ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir",
                self.folder, "--unixsocket", self.socket, "--save", "", "--appendonly", "no",
                "--requirepass", PASSWORD]

    def cli(self, *words):
        """A command; its answer as redis-cli writes it."""
        return subprocess.run(["redis-cli", "--no-auth-warning", "-a", PASSWORD, "-p",
                               str(self.port), *words], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False).stdout.strip()

    def answers(self):
        return self.cli("PING") == "PONG"

    def first_start(self):
        pass

    def url(self, database=0, password=PASSWORD):
        quoted = urllib.parse.quote(password, safe="")
        return f"redis://:{quoted}@{self.host}:{self.port}/{database}"


KINDS = {"postgresql": Postgresql, "mariadb": MariaDB}


def environment(servers, database="unit"):
    """What tests in C read to find the servers."""
    env = {}
    for server in servers:
        prefix = "TEST_PG_" if server.name == "postgresql" else "TEST_MARIA_"
        env.update({prefix + "URL": server.url(database), prefix + "PORT": str(server.port),
                    prefix + "USER": server.user, prefix + "PASSWORD": server.password,
                    prefix + "DATABASE": database, prefix + "PID": str(server.proc.pid),
                    prefix + "HOST": server.socket if server.name == "postgresql"
                    else server.host,
                    prefix + "SOCKET": server.socket})
    return env


def main(argv):
    if "--" not in argv or not argv[argv.index("--") + 1:]:
        sys.exit("usage: servers.py [postgresql] [mariadb] -- command …")
    names, command = argv[:argv.index("--")], argv[argv.index("--") + 1:]
    servers = []
    try:
        for name in names:
            server = KINDS[name]()
            servers.append(server)
            server.create("unit")
        env = dict(os.environ, **environment(servers))
        return subprocess.run(command, env=env, check=False).returncode
    except ServerError as e:
        print(f"servers.py: {e}", file=sys.stderr)
        return 1
    finally:
        for server in servers:
            server.remove()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
