# SPDX-License-Identifier: MIT
"""Database servers with bad intentions, just as far as it takes."""
import base64
import os
import socket
import struct
import threading


class Hostile:
    """Listens on a loopback port; `serve(sock)` runs for each connection in a thread."""

    def __init__(self, serve):
        self.serve, self.seen, self.lock = serve, [], threading.Lock()
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.listener.close()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(sock,), daemon=True).start()

    def one(self, sock):
        with sock:
            sock.settimeout(30)
            try:
                self.serve(self, sock)
            except (OSError, EOFError, IndexError, ValueError, struct.error):
                pass

    def note(self, data):
        with self.lock:
            self.seen.append(data)


def exactly(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


# ---- PostgreSQL: SCRAM with a number of iterations that takes minutes ----

def pg_message(kind, body):
    return kind + struct.pack(">I", len(body) + 4) + body


def pg_read(sock):
    kind = exactly(sock, 1)
    return kind, exactly(sock, struct.unpack(">I", exactly(sock, 4))[0] - 4)


def pg_startup(sock):
    while True:
        length, code = struct.unpack(">II", exactly(sock, 8))
        exactly(sock, length - 8)
        if code in (80877103, 80877104):  # TLS, GSS: no
            sock.sendall(b"N")
        else:
            return


def scram_forever(iterations):
    """Asks for so many rounds of PBKDF2."""
    def serve(server, sock):
        pg_startup(sock)
        sock.sendall(pg_message(b"R", struct.pack(">I", 10) + b"SCRAM-SHA-256\0\0"))
        first = pg_read(sock)[1].split(b"r=")[1]
        server.note("scram")
        salt = base64.b64encode(os.urandom(16)).decode()
        reply = f"r={first.decode()}xyz,s={salt},i={iterations}"
        sock.sendall(pg_message(b"R", struct.pack(">I", 11) + reply.encode()))
        server.note(pg_read(sock))
    return serve


def pg_without_password(server, sock):
    """Says that anybody may come in, then talks nonsense."""
    pg_startup(sock)
    sock.sendall(pg_message(b"R", struct.pack(">I", 0)) + pg_message(b"Z", b"I"))
    server.note(pg_read(sock))
    sock.sendall(b"D" + struct.pack(">I", 0x7FFFFFFF) + os.urandom(65536))
    pg_read(sock)


# ---- MariaDB: answers every statement with a request for a file ----

def my_packet(sequence, body):
    return struct.pack("<I", len(body))[:3] + bytes([sequence]) + body


def my_read(sock):
    head = exactly(sock, 4)
    return head[3], exactly(sock, struct.unpack("<I", head[:3] + b"\0")[0])


def local_infile(path):
    capabilities = 0x80ff_f7ff & ~0x0800  # all but TLS
    greeting = (b"\x0a" + b"10.11.19-MariaDB\0" + struct.pack("<I", 1) + b"12345678\0"
                + struct.pack("<H", capabilities & 0xffff) + b"\x2d" + struct.pack("<H", 2)
                + struct.pack("<H", capabilities >> 16) + b"\x15" + b"\0" * 10
                + b"901234567890\0" + b"mysql_native_password\0")

    def serve(server, sock):
        sock.sendall(my_packet(0, greeting))
        sequence, _ = my_read(sock)
        sock.sendall(my_packet(sequence + 1, b"\0\0\0\x02\0\0\0"))
        while True:
            _, command = my_read(sock)
            server.note(command[:1])
            sock.sendall(my_packet(1, b"\xfb" + path.encode()))
            while True:
                _, data = my_read(sock)
                if data:
                    server.note(data)
                if not data or data[:1] in b"\x01\x03\x16":
                    break
    return serve
