# SPDX-License-Identifier: MIT
"""Many clients in one thread: each asks, checks its answer, and asks again.

    with Crowd(daemon, 1000, lambda nonce: {"query": …}) as crowd:
        crowd.run(2.0)                      # all ask as fast as they are answered
        crowd.run(2.0, per_second=800)      # or so many questions a second, together
    crowd.outcomes                          # (code or None, seconds it took, when it ended)

Every request has an id of its own, and a reply to anything else is a fault.
"""
import collections
import heapq
import json
import resource
import selectors
import socket
import time

Outcome = collections.namedtuple("Outcome", "code took at")


def many_files():
    """Lets this process have as many descriptors as the machine allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def percentile(seconds, share):
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Member:
    __slots__ = ("sock", "pending", "nonce", "asked")

    def __init__(self, sock):
        self.sock, self.pending, self.nonce, self.asked = sock, b"", None, 0.0


class Crowd:
    def __init__(self, port, count, request, check=None, rest=0.1):
        """`request(nonce)` → what is asked; `check(nonce, reply)` → whether a reply
        without error is right. After an error a client rests for `rest` seconds."""
        many_files()
        self.request, self.check, self.rest = request, check, rest
        self.outcomes, self.wrong, self.nonce = [], [], 0
        self.selector = selectors.DefaultSelector()
        self.members, self.resting, self.free = [], [], collections.deque()
        for _ in range(count):
            self.add(port)

    def add(self, port):
        sock = socket.create_connection(("127.0.0.1", port), 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        member = Member(sock)
        self.members.append(member)
        self.free.append(member)
        self.selector.register(sock, selectors.EVENT_READ, member)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for member in self.members:
            member.sock.close()
        self.selector.close()

    def ask(self, member):
        self.nonce += 1
        member.nonce, member.asked = self.nonce, time.monotonic()
        line = json.dumps({"id": self.nonce, **self.request(self.nonce)}).encode() + b"\n"
        member.sock.sendall(line)

    def hear(self, member, now):
        try:
            data = member.sock.recv(1 << 16)
        except BlockingIOError:
            return
        if not data:
            self.wrong.append("a client was cut off")
            self.selector.unregister(member.sock)
            return
        member.pending += data
        while b"\n" in member.pending:
            line, _, member.pending = member.pending.partition(b"\n")
            self.judge(member, json.loads(line), now)

    def judge(self, member, reply, now):
        code = reply.get("error", {}).get("code")
        if reply.get("id") != member.nonce:
            self.wrong.append((member.nonce, reply))
        elif code is None and self.check and not self.check(member.nonce, reply):
            self.wrong.append((member.nonce, reply))
        self.outcomes.append(Outcome(code, now - member.asked, now))
        member.nonce = None
        if code is None:
            self.free.append(member)
        else:
            heapq.heappush(self.resting, (now + self.rest, id(member), member))

    def step(self, wait, now):
        for key, _ in self.selector.select(wait):
            self.hear(key.data, time.monotonic())
        while self.resting and self.resting[0][0] <= now:
            self.free.append(heapq.heappop(self.resting)[2])

    def run(self, seconds, per_second=None, until=None):
        """Asks for so long (or until `until()` holds); returns the outcomes of that time.
        With per_second questions come at that rate, whatever becomes of the others."""
        first, began, sent = len(self.outcomes), time.monotonic(), 0
        while (now := time.monotonic()) - began < seconds and not (until and until()):
            due = len(self.free) if per_second is None else \
                min(len(self.free), int((now - began) * per_second) - sent)
            for _ in range(due):
                self.ask(self.free.popleft())
            sent += due
            self.step(0.002, now)
        return self.outcomes[first:]

    def each_once(self, together=50):
        """Every client asks once, few at a time, and then falls silent."""
        for first in range(0, len(self.members), together):
            for member in self.members[first:first + together]:
                self.ask(member)
            assert self.settle() == 0
        self.free = collections.deque(self.members)

    def settle(self, seconds=60):
        """Waits for the answers that are still owed; how many do not come."""
        end = time.monotonic() + seconds
        while (owed := sum(m.nonce is not None for m in self.members)) and \
                time.monotonic() < end:
            self.step(0.05, time.monotonic())
        return owed
