# SPDX-License-Identifier: MIT
"""A wire that knows a question when it sees it, counts it, and can keep its answer.

    with Gate(server.port, b"marker") as gate:
        Daemon({"main": {"url": gate.url(server, "main")}})
        gate.keep()            # the next answer to a question with that text is kept,
        gate.wait_kept()       # it is here: the database has read what it read
        gate.let_go()
        gate.asked             # how many such questions went to the server

The marker is a value of the question: what is bound is seen on the wire whatever is
prepared.
"""
import threading
import time

from wire import Link, Wire


class GateLink(Link):
    """Remembers whether it was asked last."""
    marked = kept = False

    def read(self, sock):
        data = super().read(sock)
        if sock is self.near:
            self.wire.look(self, data)
        elif data and self.marked:
            self.wire.answer(self)
        return data


class Gate(Wire):
    def __init__(self, port, marker):
        self.marker, self.asked, self.to_keep = marker, 0, 0
        self.kept = []
        self.gate = threading.Lock()
        super().__init__(port)

    def __exit__(self, *exc):
        self.let_go()
        super().__exit__(*exc)

    def make_link(self, near, far):
        return GateLink(self, near, far)

    def look(self, link, data):
        count = data.count(self.marker)
        with self.gate:
            self.asked += count
            link.marked = link.marked or count > 0

    def answer(self, link):
        """Its reader waits here while the answer is kept."""
        with self.gate:
            link.marked = False
            if self.to_keep == 0:
                return
            self.to_keep -= 1
            link.kept = True
            self.kept.append(link)
        link.wait(lambda seconds: not link.kept or time.sleep(seconds))

    def keep(self, count=1):
        with self.gate:
            self.to_keep = count

    def let_go(self):
        with self.gate:
            self.to_keep = 0
            for link in self.kept:
                link.kept = False
            self.kept = []

    def cut_kept(self):
        """The connections whose answers are kept are reset."""
        with self.gate, self.lock:
            links, self.kept = self.kept, []
            self.links = [link for link in self.links if link not in links]
        for link in links:
            link.dead.set()
        for link in links:
            link.reset()

    def wait_kept(self, seconds=30):
        end = time.monotonic() + seconds
        while not self.kept:
            assert time.monotonic() < end, "no answer came to be kept"
            time.sleep(0.005)
