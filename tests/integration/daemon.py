# SPDX-License-Identifier: MIT
"""tribikosd as a process: conf file, start, stop, what it uses, what it logged.

The program is $TRIBIKOSD (default build/tribikosd). A stop is a test by itself:
exit code 0, and no report of a sanitizer in the log.
"""
import copy
import json
import os
import re
import signal
import subprocess
import time
import urllib.request

from client import Client
from guard import guard
from servers import free_port, work_folder

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
START_SECONDS = 60
STOP_SECONDS = 60
REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer"
                    r"|runtime error:|Assertion .* failed", re.M)


class DaemonError(Exception):
    pass


def program():
    return os.environ.get("TRIBIKOSD") or os.path.join(ROOT, "build", "tribikosd")


def environment():
    """The sanitizers' settings, unless the caller has their own."""
    return {"ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1:exitcode=86",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=87",
            "TSAN_OPTIONS": "exitcode=88:second_deadlock_stack=1:suppressions=" +
                            os.path.join(ROOT, "tests", "tsan.supp"), **os.environ}


def run_program(*args, **kw):
    """Runs tribikosd to its end; CompletedProcess with text output."""
    return subprocess.run([program(), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=environment(), timeout=START_SECONDS, check=False, **kw)


class Daemon:
    """A running tribikosd.

    `databases` is the conf's map; `conf` more keys, merged over the defaults
    (loopback port, Unix socket, stats endpoint, two workers); `text` a whole conf
    file instead, in which {port}, {socket} and {http} stand for ours; `prefix` a command
    that runs it elsewhere, where only the Unix socket leads to it.
    """

    def __init__(self, databases=None, conf=None, text=None, env=None, prefix=()):
        self.folder = work_folder("daemon")
        self.port, self.http_port = free_port(), free_port()
        self.socket = os.path.join(self.folder, "sock")
        self.conf_path = os.path.join(self.folder, "tribikos.yaml")
        self.log_path = os.path.join(self.folder, "log")
        self.env, self.prefix = env or {}, list(prefix)
        self.proc = None
        self.conf = {"listen": [{"tcp": f"127.0.0.1:{self.port}"}, {"unix": self.socket}],
                     "http": f"127.0.0.1:{self.http_port}", "workers": 2}
        self.conf.update(copy.deepcopy(conf) if conf else {})
        if databases is not None:
            self.conf["databases"] = copy.deepcopy(databases)
        if text is not None:
            text = text.replace("{port}", str(self.port)).replace("{socket}", self.socket)
            text = text.replace("{http}", str(self.http_port))
        self.write_conf(text)
        try:
            self.start()
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *exc):
        if kind is None:
            self.stop()
        else:
            self.kill()

    def write_conf(self, text=None):
        """Writes self.conf (JSON is YAML), or a text, as the conf file."""
        with open(self.conf_path, "w", encoding="utf-8") as f:
            f.write(text if text is not None else json.dumps(self.conf, indent=1))

    def start(self, wait=True):
        with open(self.log_path, "ab") as log:
            self.proc = subprocess.Popen([*self.prefix, program(), "-c", self.conf_path],
                                         cwd=self.folder, stdin=subprocess.DEVNULL,
                                         stdout=log, stderr=log,
                                         env={**environment(), **self.env})
        guard().add_process(self.proc.pid)
        if wait:
            self.wait_until(self.answers, "listens", START_SECONDS)

    def wait_until(self, condition, what="does as expected", seconds=30):
        """Waits until condition() is true; DaemonError if it ends or takes too long."""
        end = time.monotonic() + seconds
        while not condition():
            if self.proc.poll() is not None:
                raise DaemonError(f"tribikosd ended with {self.proc.returncode} before it "
                                  f"{what}:\n{self.log()[-6000:]}")
            if time.monotonic() > end:
                raise DaemonError(f"after {seconds} s tribikosd is not yet at: {what}:\n"
                                  f"{self.log()[-6000:]}")
            time.sleep(0.01)

    def answers(self):
        try:
            with self.client(unix=bool(self.prefix), seconds=5) as c:
                return c.ask({"op": "ping"}).get("ok") is True
        except (OSError, TimeoutError):
            return False

    def client(self, unix=False, seconds=30):
        return Client(self.socket if unix else ("127.0.0.1", self.port), seconds)

    def ask(self, request):
        """One request on a connection of its own."""
        with self.client() as c:
            return c.ask(request)

    def http(self, path, seconds=20):
        """(status, body) of the stats endpoint; error statuses too."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}",
                                        timeout=seconds) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def stats(self):
        status, body = self.http("/stats")
        assert status == 200, body
        return json.loads(body)

    def region(self, name="default"):
        """The figures of a region of the result cache."""
        return self.stats()["cache"]["regions"][name]

    def signal(self, sig):
        self.proc.send_signal(sig)

    def reload(self):
        """SIGHUP; does not wait (watch the log or the stats)."""
        self.signal(signal.SIGHUP)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def reports(self):
        """The first sanitizer report in the log, or None."""
        log = self.log()
        found = REPORT.search(log)
        return log[max(0, found.start() - 400):found.start() + 8000] if found else None

    def wait_end(self, seconds=STOP_SECONDS):
        """Waits for the process to end by itself; its exit code."""
        try:
            code = self.proc.wait(seconds)
        except subprocess.TimeoutExpired:
            raise DaemonError(f"tribikosd still runs after {seconds} s:\n"
                              f"{self.log()[-6000:]}") from None
        guard().drop_process(self.proc.pid)
        self.proc = None
        return code

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM; fails unless it drains, exits with 0 and no sanitizer complains."""
        if self.proc is None:
            return
        self.signal(signal.SIGTERM)
        try:
            code = self.wait_end(seconds)
        except DaemonError:
            self.kill()
            raise
        report = self.reports()
        if report:
            raise DaemonError(f"a sanitizer reports (exit code {code}):\n{report}")
        if code != 0:
            raise DaemonError(f"exit code {code} after SIGTERM:\n{self.log()[-6000:]}")

    def kill(self):
        """kill -9."""
        if self.proc is not None:
            self.proc.kill()
            self.wait_end()

    def _status(self, key):
        with open(f"/proc/{self.proc.pid}/status", encoding="ascii", errors="replace") as f:
            for line in f:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
        raise DaemonError(f"no {key} in /proc")

    def rss(self):
        """Resident memory in bytes (meaningless under a sanitizer)."""
        return self._status("VmRSS") * 1024

    def threads(self):
        return self._status("Threads")

    def fds(self):
        """Open file descriptors: {number: what it is}."""
        folder = f"/proc/{self.proc.pid}/fd"
        found = {}
        for name in os.listdir(folder):
            try:
                found[int(name)] = os.readlink(os.path.join(folder, name))
            except OSError:
                pass  # closed meanwhile
        return found
