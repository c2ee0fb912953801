# SPDX-License-Identifier: MIT
"""The demo as a user runs it, from beginning to end, on ports and folders of the tests."""
import glob
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time

import pytest
from client import Client
from daemon import ROOT, environment, program
from heavy import sanitized
from servers import free_port, gone, work_folder

RUN = os.path.join(ROOT, "demo", "run")


class Demo:
    """conf/demo.yaml with other ports and another file."""

    def __init__(self):
        self.folder = work_folder("demo")
        self.port, self.http = free_port(), free_port()
        self.state = os.path.join(self.folder, "state")
        self.conf = os.path.join(self.folder, "demo.yaml")
        with open(os.path.join(ROOT, "conf", "demo.yaml"), encoding="utf-8") as f:
            text = f.read()
        text = re.sub(r"(tcp:\s*[\"']?127\.0\.0\.1):\d+", rf"\1:{self.port}", text)
        text = re.sub(r"(?m)^(http:\s*[\"']?127\.0\.0\.1):\d+", rf"\1:{self.http}", text)
        text = re.sub(r"sqlite:///[^\s\"',}]+", f"sqlite:///{self.folder}/demo.db", text)
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text)

    def argv(self, *args):
        return [sys.executable, RUN, "--conf", self.conf, "--folder", self.state, *args]

    def env(self, apt):
        """Without apt the demo makes up a small archive."""
        env = {**environment(), "TRIBIKOSD": program()}
        if not apt:
            bin_folder = os.path.join(self.folder, "bin")
            os.makedirs(bin_folder, exist_ok=True)
            stub = os.path.join(bin_folder, "apt-cache")
            with open(stub, "w", encoding="utf-8") as f:
                f.write("#!/bin/sh\nexit 0\n")
            os.chmod(stub, 0o755)
            env["PATH"] = bin_folder + ":" + env["PATH"]
        return env

    def run(self, *args, apt=False, seconds=180):
        return subprocess.run(self.argv(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=self.env(apt),
                              timeout=seconds, check=False)

    def running(self):
        """What its state file says that runs."""
        try:
            with open(os.path.join(self.state, "state.json"), encoding="utf-8") as f:
                state = json.load(f)
        except OSError:
            return [], []
        return [p["pid"] for p in state["processes"]], state["folders"]

    def free(self):
        try:
            Client(("127.0.0.1", self.port), 2).close()
        except OSError:
            return True
        return False


@pytest.fixture
def demo():
    made = Demo()
    yield made
    subprocess.run(made.argv("--stop"), stdout=subprocess.DEVNULL, check=False, timeout=60)
    assert made.free()


@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mariadb"])
def test_load_and_tour_twice_in_a_row(demo, database):
    for _ in range(2 if database == "sqlite" else 1):
        done = demo.run(database)
        assert done.returncode == 0, done.stdout[-3000:]
        assert "made up" in done.stdout and "3,000 packages" in done.stdout
        assert "rows/s" in done.stdout and "MiB" in done.stdout
        assert done.stdout.count("→") >= 10 and "unknown_column" in done.stdout
        assert "\r" not in done.stdout  # no progress bar in a file
        assert demo.free() and demo.running() == ([], [])


def test_the_whole_archive_through_the_port(demo):
    """Seconds, and the daemon stays under 64 MiB throughout."""
    done = demo.run("sqlite", apt=True)
    assert done.returncode == 0, done.stdout[-3000:]
    peak = max(int(n) for n in re.findall(r"peaked at (\d+) MiB", done.stdout))
    rows = int(re.search(r"Loaded ([\d,]+) rows", done.stdout).group(1).replace(",", ""))
    if rows > 100_000 and not sanitized():
        assert peak < 64, done.stdout[:2000]


def at_a_terminal(demo, *args):
    """Starts the demo with a terminal for stdin and stdout; (process, its end of it)."""
    master, slave = pty.openpty()
    proc = subprocess.Popen(demo.argv(*args), stdin=slave, stdout=slave, stderr=slave,
                            env=demo.env(False), start_new_session=True)
    os.close(slave)
    return proc, master


def read_until(master, text, seconds=120):
    got, end = b"", time.monotonic() + seconds
    while text not in got:
        assert time.monotonic() < end, got[-2000:]
        if select.select([master], [], [], 0.2)[0]:
            try:
                part = os.read(master, 65536)
            except OSError:
                part = b""
            assert part, got[-2000:]
            got += part
    return got


def test_at_a_terminal_the_daemon_stays(demo):
    proc, master = at_a_terminal(demo, "sqlite")
    try:
        got = read_until(master, b"demo-stop")
        assert proc.wait(20) == 0
        assert b"[####" in got and b"nc -N 127.0.0.1" in got
    finally:
        os.close(master)
    with Client(("127.0.0.1", demo.port)) as c:
        assert c.query({"select": ["id"], "from": "packages"}, expect="count")["value"] == 3000
    line = re.search(rb"echo '(.*?)' \| nc", got).group(1)
    done = subprocess.run(["nc", "-N", "127.0.0.1", str(demo.port)], input=line + b"\n",
                          stdout=subprocess.PIPE, check=True, timeout=20)
    assert len(json.loads(done.stdout)["rows"]) == 3
    done = demo.run("sqlite")  # a second one takes the first one's place
    assert done.returncode == 0 and "last demo left running" in done.stdout
    assert demo.free()


def test_stop_ends_what_was_left_and_its_servers(demo):
    proc, master = at_a_terminal(demo, "postgresql")
    try:
        read_until(master, b"demo-stop")
        assert proc.wait(20) == 0
    finally:
        os.close(master)
    pids, folders = demo.running()
    assert len(pids) == 2 and len(folders) == 1 and os.path.isdir(folders[0])
    done = demo.run("--stop")
    assert done.returncode == 0 and "tribikosd" in done.stdout and "postgresql" in done.stdout
    assert all(gone(p) for p in pids) and not os.path.exists(folders[0])
    assert "No demo is running" in demo.run("--stop").stdout


@pytest.mark.parametrize("database, when", [("sqlite", 0.4), ("postgresql", 0.3),
                                            ("postgresql", 1.5), ("mariadb", 0.6),
                                            ("mariadb", 2.0)])
def test_ctrl_c_leaves_nothing_behind(demo, database, when):
    proc = subprocess.Popen(demo.argv(database), stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=demo.env(False),
                            start_new_session=True)
    time.sleep(when)
    pids, folders = demo.running()
    proc.send_signal(signal.SIGINT)
    out = proc.communicate(timeout=60)[0]
    # 0: it was faster than us; -SIGINT: it had not even begun.
    assert proc.returncode in (130, 0, -signal.SIGINT), out
    assert "Traceback" not in out
    assert all(gone(p) for p in pids), out
    assert not any(os.path.exists(f) for f in folders), out
    assert demo.running() == ([], []) and demo.free()


def test_an_impatient_ctrl_c_does_not_end_the_clearing_up(demo):
    proc, master = at_a_terminal(demo, "postgresql")
    try:
        read_until(master, b" 2. ")
        pids, folders = demo.running()
        for _ in range(200):
            proc.send_signal(signal.SIGINT)
            time.sleep(0.001)
        assert proc.wait(60) == 130
    finally:
        os.close(master)
    assert len(pids) == 2 and all(gone(p) for p in pids)
    assert not os.path.exists(folders[0]) and demo.running() == ([], [])


def processes_about(folder, what=""):
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                line = f.read()
        except OSError:
            continue
        if folder.encode() in line and what.encode() in line:
            found.append(path)
    return found


def test_ctrl_c_ends_what_a_tool_has_started(demo):
    """mariadb-install-db has a child that writes into the folder."""
    proc, master = at_a_terminal(demo, "mariadb")
    try:
        read_until(master, b"temporary folder")
        end, folder = time.monotonic() + 60, None
        while folder is None or not processes_about(folder, "--bootstrap"):
            assert time.monotonic() < end and proc.poll() is None
            folder = (demo.running()[1] or [None])[0]
            time.sleep(0.005)
        proc.send_signal(signal.SIGINT)
        assert proc.wait(60) == 130
    finally:
        os.close(master)
    assert processes_about(folder) == [] and not os.path.exists(folder)


def test_a_port_in_use_is_told(demo):
    with socket.socket() as s:
        s.bind(("127.0.0.1", demo.port))
        s.listen()
        done = demo.run("sqlite")
    assert done.returncode == 1
    assert str(demo.port) in done.stdout and "in use" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_database_of_another_kind_is_told(demo):
    done = demo.run("oracle")
    assert done.returncode == 2 and "postgresql" in done.stdout
