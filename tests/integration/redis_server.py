# SPDX-License-Identifier: MIT
"""A Redis server in a temporary folder, that can be stopped, killed and paused as the
databases of servers.py can. It keeps nothing over a restart."""
import os
import shutil
import socket

from servers import Server, ServerError


class Redis(Server):
    name = "redis"

    def prepare(self):
        pass

    def command(self):
        program = shutil.which("redis-server")
        if program is None:
            raise ServerError("redis-server is not installed")
        return [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no", "--dir", self.folder]

    def first_start(self):
        pass

    def answers(self):
        try:
            return self.ask("PING") == "+PONG"
        except OSError:
            return False

    def ask(self, *words):
        """The first line of the reply to a command."""
        with socket.create_connection(("127.0.0.1", self.port), 2) as s:
            s.sendall(b"".join([b"*%d\r\n" % len(words)] + [
                b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words]))
            return s.makefile("rb").readline().decode().strip()

    def url(self, database="0", **_):
        return f"redis://127.0.0.1:{self.port}/{database}"
