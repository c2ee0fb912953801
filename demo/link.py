# SPDX-License-Identifier: MIT
"""A client of the line protocol: one JSON object per line, both ways."""
import json
import socket


class Link:
    def __init__(self, port, seconds=120):
        self.sock = socket.create_connection(("127.0.0.1", port), seconds)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb", 1 << 16)

    def close(self):
        self.file.close()
        self.sock.close()

    def send(self, request):
        self.sock.sendall(json.dumps(request, ensure_ascii=False,
                                     separators=(",", ":")).encode() + b"\n")

    def receive(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("tribikosd closed the connection")
        return json.loads(line)

    def ask(self, request):
        self.send(request)
        return self.receive()
