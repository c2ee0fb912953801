# SPDX-License-Identifier: MIT
"""A wire between the daemon and a server that can be bent: held, cut, reset, filled.

    with Wire(server.port) as wire:
        Daemon({"main": {"url": wire.url(server, "main")}})
        wire.swallow()      # what is sent from now on arrives nowhere
        wire.cut_after(5)   # each link ends behind the next 5 bytes from the server

A link is one connection through it. Bytes are passed on by two threads for each
link, so that a link that is held does not hold another one. When reset() returns, no byte
passes on any connection that came before, one that was still being joined included.
"""
import select
import socket
import struct
import threading
import time

TICK = 0.02  # so long is a reset not seen


class Link:
    """One connection: `near` leads to the daemon, `far` to the server."""

    def __init__(self, wire, near, far):
        self.wire, self.near, self.far = wire, near, far
        self.left = None  # bytes from the server until it is cut
        self.behind = b""  # goes out behind the next bytes from the server
        self.lock = threading.Lock()
        self.dead = threading.Event()
        self.pumps = [threading.Thread(target=self.pump, args=ends, daemon=True)
                      for ends in ((near, far), (far, near))]

    def start(self):
        for pump in self.pumps:
            pump.start()

    def wait(self, ready):
        """Until ready(seconds), a wait that may be in vain; ConnectionResetError once it is
        dead. Nobody sleeps on a socket: one that another thread closes would stay open."""
        while not ready(TICK):
            if self.dead.is_set():
                raise ConnectionResetError
        if self.dead.is_set():
            raise ConnectionResetError

    def read(self, sock):
        """What comes next; nothing at its end."""
        self.wait(lambda seconds: select.select([sock], [], [], seconds)[0])
        return sock.recv(1 << 16)

    def write(self, sock, data):
        while data:
            self.wait(lambda seconds: select.select([], [sock], [], seconds)[1])
            data = data[sock.send(data, socket.MSG_DONTWAIT):]

    def pump(self, source, sink):
        try:
            while data := self.read(source):
                self.wait(self.wire.may_pass.wait)
                if self.wire.swallowing:
                    continue
                if source is self.far:
                    data, cut = self.shorten(data)
                    data, self.behind = data + self.behind, b""
                    self.write(sink, data)
                    if cut:
                        break
                else:
                    self.write(sink, data)
        except OSError:
            pass
        if not self.wire.swallowing and not self.dead.is_set():
            self.end()

    def shorten(self, data):
        """(what may still pass of data from the server, whether the link ends there)"""
        with self.lock:
            if self.left is None:
                return data, False
            self.left -= len(data)
            return data[:len(data) + min(self.left, 0)], self.left <= 0

    def end(self):
        """An orderly end on both sides; whoever is in recv wakes up."""
        for sock in (self.near, self.far):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def reset(self):
        """RST on both sides, once nobody uses them any more."""
        self.dead.set()
        for pump in self.pumps:
            pump.join()
        for sock in (self.near, self.far):
            break_off(sock)


def break_off(sock):
    """Closes with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Wire:
    def __init__(self, port, delay=0.0, host="127.0.0.1"):
        """`delay`: seconds before a new link is joined to the server."""
        self.port_there, self.delay = port, delay
        self.links, self.came = [], []  # came: when each connection was taken
        self.resets = 0
        self.swallowing = self.refusing = False
        self.may_pass = threading.Event()
        self.may_pass.set()
        self.lock = threading.Lock()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, 0))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.listener.close()
        self.release()
        self.reset()

    def url(self, server, database, **options):
        """The server's conf URL, by way of this wire."""
        return server.url(database, **options).replace(f":{server.port}/", f":{self.port}/")

    def run(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.came.append(time.monotonic())
                refused, resets = self.refusing, self.resets
            if refused:
                near.close()
            else:
                threading.Thread(target=self.join, args=(near, resets), daemon=True).start()

    def join(self, near, resets):
        """`resets`: how many there were when it came; one more, and it ends as all do."""
        time.sleep(self.delay)
        try:
            far = socket.create_connection(("127.0.0.1", self.port_there), 30)
        except OSError:
            near.close()
            return
        for sock in (near, far):
            sock.settimeout(None)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = self.make_link(near, far)
        with self.lock:
            if self.resets == resets:
                self.links.append(link)
                link.start()
                return
        for sock in (near, far):
            break_off(sock)

    def make_link(self, near, far):
        return Link(self, near, far)

    def each(self):
        with self.lock:
            return list(self.links)

    # ---- what can be done to it ----

    def hold(self):
        """Nothing passes until release(); it is not lost."""
        self.may_pass.clear()

    def release(self):
        self.may_pass.set()

    def swallow(self):
        """Bytes vanish from now on, both ways; the connections stay open."""
        self.swallowing = True

    def cut_after(self, count):
        """Each link that is there now ends behind its next `count` bytes from the server."""
        for link in self.each():
            with link.lock:
                link.left = count
            if count == 0:
                link.end()

    def append(self, data):
        """The next that each server sends has these bytes behind it."""
        for link in self.each():
            link.behind = data

    def inject(self, data):
        """Bytes that the server never sent arrive at the daemon on every link."""
        for link in self.each():
            try:
                link.near.sendall(data)
            except OSError:
                pass

    def reset(self):
        """Every link is reset, and every connection that is on its way to be one."""
        with self.lock:
            self.resets += 1
            links, self.links = self.links, []
        for link in links:
            link.dead.set()
        for link in links:
            link.reset()
