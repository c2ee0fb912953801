# SPDX-License-Identifier: MIT
"""A client of the line protocol that hides nothing: what is sent is what was given.

    with Client(("127.0.0.1", 7432)) as c:     # or Client("/run/…/tribikos.sock")
        c.ask({"op": "ping"})                  # → {"ok": True}
        c.send_raw(b'{"op":'); c.send_raw(b'"ping"}\n'); c.recv()
"""
import json
import socket
import struct
import time

SECONDS = 30


class Closed(Exception):
    """The daemon closed the connection."""


class Client:
    def __init__(self, address, seconds=SECONDS):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.seconds = seconds
        self.sock.settimeout(seconds)
        self.sock.connect(address)
        if family == socket.AF_INET:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    def break_off(self):
        """Closes with a reset, as the system does for a process that is killed."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send_raw(self, data):
        self.sock.settimeout(self.seconds)
        self.sock.sendall(data)

    def send(self, *objects):
        """One line for each object, in one write."""
        self.send_raw(b"".join(json.dumps(o, ensure_ascii=False, separators=(",", ":"))
                               .encode("utf-8", "surrogatepass") + b"\n" for o in objects))

    def shutdown(self):
        """Ends our sending side; pending requests are still answered."""
        self.sock.shutdown(socket.SHUT_WR)

    def recv_line(self, seconds=None):
        """The next line without its LF, as bytes. TimeoutError, Closed."""
        end = time.monotonic() + (self.seconds if seconds is None else seconds)
        parts = [self.pending]
        while b"\n" not in parts[-1]:
            left = end - time.monotonic()
            if left <= 0:
                self.pending = b"".join(parts)
                raise TimeoutError("no line in time; so far: %r" % self.pending[:300])
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(1 << 18)
            except socket.timeout:
                continue
            except ConnectionError as e:
                raise Closed(str(e)) from e
            if not data:
                self.pending = b"".join(parts)
                raise Closed("closed by the daemon; left over: %r" % self.pending[:300])
            parts.append(data)
        line, _, self.pending = b"".join(parts).partition(b"\n")
        return line

    def recv(self, seconds=None):
        """The next line as an object. Its keys must be unique: a reply that says a
        thing twice is a fault."""
        return json.loads(self.recv_line(seconds), object_pairs_hook=unique_keys)

    def recv_many(self, count, seconds=None):
        return [self.recv(seconds) for _ in range(count)]

    def ask(self, request, seconds=None):
        """Sends one request and returns the next line."""
        self.send(request)
        return self.recv(seconds)

    def query(self, query, seconds=None, **rest):
        """A query that must succeed; its reply."""
        reply = self.ask({"query": query, **rest}, seconds)
        assert "error" not in reply, reply["error"]
        return reply

    def rows(self, query, **rest):
        return self.query(query, **rest)["rows"]

    def fails(self, request, code=None):
        """A request that must fail; its error object."""
        reply = self.ask(request)
        assert "error" in reply, reply
        assert code is None or reply["error"]["code"] == code, reply["error"]
        return reply["error"]

    def at_end(self, seconds=None):
        """Waits until the daemon closes; the bytes that came before. TimeoutError."""
        self.sock.settimeout(self.seconds if seconds is None else seconds)
        got = self.pending
        while True:
            try:
                data = self.sock.recv(1 << 16)
            except ConnectionResetError:
                return got
            if not data:
                return got
            got += data


def unique_keys(pairs):
    out = dict(pairs)
    assert len(out) == len(pairs), f"a key twice in {pairs}"
    return out
