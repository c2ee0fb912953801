# SPDX-License-Identifier: MIT
"""A network that falls silent: packets between the daemon and its database vanish, and
nobody is told. No reset, no end: what pulling a cable is.

    with Silence(server.port) as net:
        Daemon(…, prefix=net.prefix)        # runs behind the cable; speak by its Unix socket
        net.url(server, "main")             # the database as it is seen from there
        net.pull(); net.mend()

The daemon gets a network namespace of its own, joined to ours by two virtual cards, and
the cable is pulled by a queue that drops everything. That takes root. Elsewhere a relay
swallows the bytes, whose kernel still acknowledges them: `is_real` is False, and only
timeouts notice.
"""
import os
import subprocess

from wire import Wire


def run(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Silence:
    def __init__(self, port):
        number = os.getpid() % 16384
        self.name, self.card = f"tribikos{number}", f"tbk{number}"
        base = f"10.{201 + number // 4096 % 4}.{number // 64 % 64}."
        self.here, self.there = base + f"{number % 64 * 4 + 1}", base + f"{number % 64 * 4 + 2}"
        self.is_real, host = self.make(), "127.0.0.1"
        if self.is_real:
            host = self.here
        self.wire = Wire(port, host=host)
        self.host = host
        self.prefix = ["ip", "netns", "exec", self.name] if self.is_real else []

    def make(self):
        try:
            run("ip", "netns", "add", self.name)
        except (OSError, subprocess.CalledProcessError):
            return False
        try:
            run("ip", "link", "add", self.card, "type", "veth", "peer", "name", "eth0",
                "netns", self.name)
            run("ip", "addr", "add", self.here + "/30", "dev", self.card)
            run("ip", "link", "set", self.card, "up")
            inside = ("ip", "-n", self.name)
            run(*inside, "addr", "add", self.there + "/30", "dev", "eth0")
            run(*inside, "link", "set", "eth0", "up")
            run(*inside, "link", "set", "lo", "up")
        except (OSError, subprocess.CalledProcessError):
            self.remove()
            return False
        return True

    def remove(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False,
                       stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.wire.__exit__()
        if self.is_real:
            self.remove()

    def url(self, server, database):
        option = {"postgresql": "sslmode", "mariadb": "ssl_mode"}[server.name]
        value = {"postgresql": "disable", "mariadb": "disabled"}[server.name]
        url = self.wire.url(server, database, **{option: value})
        return url.replace("@127.0.0.1:", f"@{self.host}:")

    def pull(self):
        """Packets vanish in both directions."""
        if not self.is_real:
            self.wire.swallow()
            return
        run("tc", "qdisc", "add", "dev", self.card, "root", "blackhole")
        run("ip", "netns", "exec", self.name, "tc", "qdisc", "add", "dev", "eth0", "root",
            "blackhole")

    def mend(self):
        if not self.is_real:
            self.wire.swallowing = False
            return
        run("tc", "qdisc", "del", "dev", self.card, "root")
        run("ip", "netns", "exec", self.name, "tc", "qdisc", "del", "dev", "eth0", "root")
