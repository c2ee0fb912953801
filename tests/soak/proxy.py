# SPDX-License-Identifier: MIT
"""Sessions through tribikosd.

A `Wire` is a connection; several sessions use it at a time, each with a transaction
handle of its own, and a thread reads its replies. On one with ids replies come in any
order; on one without they must come in the order of the requests.

What is certain when a connection of ours is lost: what had not been sent in full has
not happened, and a transaction whose `commit` had not been sent in full is undone.
"""
import collections
import itertools
import json
import queue
import socket
import struct
import threading
import time

from statements import Answer, Refused, Unknown

REPLY_SECONDS = 60
CONNECT_SECONDS = 60
RST = struct.pack("ii", 1, 0)

# What may be said to a right request when databases, connections and clients fail.
EXPECTED = {"serialization_failure", "deadlock", "lock_timeout", "tx_aborted", "tx_timeout",
            "cancelled", "timeout", "pool_timeout", "overload", "connection_failed",
            "connection_lost", "commit_unknown", "shutting_down", "read_only"}


class Lost(Exception):
    """The connection is gone. `sent`: whether the request may have arrived whole."""

    def __init__(self, sent):
        super().__init__("connection lost")
        self.sent = sent


class Pending:
    """A request whose reply is awaited."""

    def __init__(self, key):
        self.key, self.sent, self.replies = key, True, queue.SimpleQueue()

    def reply(self, seconds):
        """Its final line; Lost when the connection broke."""
        found = self.replies.get(timeout=seconds)
        if found is None:
            raise Lost(self.sent)
        return found


class Wire:
    def __init__(self, address, history, with_ids=True):
        self.history, self.with_ids = history, with_ids
        self.sock = socket.create_connection(address, timeout=REPLY_SECONDS)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(None)
        self.lock, self.send_lock = threading.Lock(), threading.Lock()
        self.pending, self.numbers = collections.OrderedDict(), itertools.count(1)
        self.dead = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def send(self, requests, chaos=None):
        """Sends requests in one write and returns what is pending for each. A reset that
        chaos wants happens here."""
        with self.send_lock:
            lines, pending = [], []
            with self.lock:
                if self.dead:
                    raise Lost(False)
                for request in requests:
                    key = next(self.numbers)
                    head = {"id": key} if self.with_ids else {}
                    lines.append(json.dumps({**head, **request}).encode() + b"\n")
                    pending.append(Pending(key))
                    self.pending[key] = pending[-1]
            if chaos and chaos.chance("reset"):
                self._reset_within(b"".join(lines), lines, pending, chaos)
            else:
                self._write(b"".join(lines), chaos)
        return pending

    def _write(self, data, chaos):
        try:
            if chaos and chaos.chance("half"):
                at = chaos.cut(len(data))
                self.sock.sendall(data[:at])
                time.sleep(chaos.between(0.01, 0.3))
                data = data[at:]
            self.sock.sendall(data)
        except OSError:
            self._shut()

    def _reset_within(self, data, lines, pending, chaos):
        """Only a part of the bytes leaves; then the connection is reset."""
        at, end = chaos.cut(len(data)), 0
        for line, one in zip(lines, pending):
            end += len(line)
            one.sent = end <= at
        try:
            self.sock.sendall(data[:at])
            time.sleep(chaos.between(0, 0.005))
        except OSError:
            pass
        self.reset()

    def reset(self):
        """Ends the connection with a TCP reset: what is under way is lost."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        except OSError:
            pass
        self._shut()

    def leave(self):
        """Closes without saying goodbye to what is under way."""
        self._shut()

    def _shut(self):
        with self.lock:
            self.dead = True
        try:
            # wakes the reader, which closes: a close alone would leave it in recv
            self.sock.shutdown(socket.SHUT_RD)
        except OSError:
            pass

    def _read(self):
        rest = b""
        while True:
            try:
                data = self.sock.recv(1 << 16)
            except OSError:
                data = b""
            with self.lock:
                ended = self.dead or not data
            if ended:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._take(line)
        self._end()

    def _take(self, line):
        try:
            reply = json.loads(line)
        except ValueError:
            self.history.fault(f"not JSON: {line[:200]!r}")
            return
        if "push" in reply:
            return
        with self.lock:
            key = reply.get("id") if self.with_ids else next(iter(self.pending), None)
            one = self.pending.pop(key, None)
        if one is None:
            if "error" not in reply or reply["error"]["code"] not in ("shutting_down",
                                                                      "too_many_clients"):
                self.history.fault(f"a reply that nobody waits for: {line[:300]!r}")
            return
        one.replies.put(reply)

    def _end(self):
        with self.lock:
            self.dead = True
            left, self.pending = self.pending, collections.OrderedDict()
        self.sock.close()
        for one in left.values():
            one.replies.put(None)


class Line:
    """The connection that some sessions share; made anew when it is gone."""

    def __init__(self, address, history, with_ids=True):
        self.address, self.history, self.with_ids = address, history, with_ids
        self.lock, self.wire = threading.Lock(), None

    def get(self):
        end = time.monotonic() + CONNECT_SECONDS
        with self.lock:
            while self.wire is None or self.wire.dead:
                try:
                    self.wire = Wire(self.address, self.history, self.with_ids)
                except OSError as e:
                    if time.monotonic() > end:
                        raise Refused("connect") from e
                    time.sleep(0.02)
            return self.wire

    def close(self):
        with self.lock:
            if self.wire is not None:
                self.wire.leave()


class Session:
    """What a workload calls; one transaction at a time, under one handle."""

    def __init__(self, line, handle, name, chaos, codes):
        self.line, self.handle, self.name, self.chaos = line, handle, name, chaos
        self.codes, self.nonces = codes, []
        self.wire = None  # of the transaction

    def auto(self, statement):
        """One statement that is a transaction of its own."""
        request = self._hurry(statement.request())
        try:
            wire = self.line.get()
            one, = wire.send([request], self.chaos)
            self._maybe_cancel(wire, one)
            reply = self._wait(one)
        except Lost as e:
            raise (Unknown if e.sent and statement.writes else Refused)("we left") from e
        self._judge(reply)
        return self._answer(statement, reply)

    def begin(self, isolation):
        self.wire = self.line.get()
        self._ask(self._begin(isolation))

    def run(self, statement):
        if self.chaos.chance("linger"):
            time.sleep(self.chaos.between(0.01, 0.3))
        reply = self._ask(self._hurry({**statement.request(), "tx": self.handle}))
        return self._answer(statement, reply)

    def savepoint(self, name):
        self._ask({"op": "savepoint", "tx": self.handle, "name": name})

    def rollback_to(self, name):
        self._ask({"op": "rollback_to", "tx": self.handle, "name": name})

    def rollback(self):
        self._ask({"op": "rollback", "tx": self.handle})

    def commit(self):
        try:
            one, = self.wire.send([self._commit()], self.chaos)
            self._maybe_cancel(self.wire, one)
            reply = self._wait(one)
        except Lost as e:
            raise (Unknown if e.sent else Refused)("we left") from e
        self._judge(reply, undo=True)

    def pipeline(self, isolation, statements):
        """begin … commit in one write."""
        requests = [self._begin(isolation)]
        requests += [self._hurry({**s.request(), "tx": self.handle}) for s in statements]
        requests.append(self._commit())
        self.wire = self.line.get()
        try:
            pending = self.wire.send(requests, self.chaos)
        except Lost as e:
            raise Refused("we left") from e
        self._maybe_cancel(self.wire, self.chaos.rng.choice(pending))
        try:
            replies = [self._wait(one) for one in pending]
        except Lost as e:
            raise (Unknown if pending[-1].sent else Refused)("we left") from e
        self._judge_all(replies)
        return [self._answer(s, reply) for s, reply in zip(statements, replies[1:])]

    def close(self):
        self.line.close()

    # ---- below ----

    def _begin(self, isolation):
        return {"op": "begin", "tx": self.handle, "isolation": isolation}

    def _commit(self):
        return self._hurry({"op": "commit", "tx": self.handle})

    def _hurry(self, request):
        if self.chaos.chance("timeout"):
            return {**request, "timeout": f"{self.chaos.rng.randint(1, 40)}ms"}
        return request

    def _ask(self, request):
        """A request of the transaction before its commit: whatever fails here, it is
        undone."""
        try:
            if self.chaos.chance("leave"):
                self.wire.leave()
            one, = self.wire.send([request], self.chaos)
            self._maybe_cancel(self.wire, one)
            reply = self._wait(one)
        except Lost as e:
            raise Refused("we left") from e
        self._judge(reply, undo=True)
        return reply

    def _maybe_cancel(self, wire, one):
        if wire.with_ids and self.chaos.chance("cancel"):
            time.sleep(self.chaos.between(0, 0.003))
            try:
                wire.send([{"op": "cancel", "of": one.key}])
            except Lost:
                pass  # its reply tells

    def _wait(self, one):
        try:
            return one.reply(REPLY_SECONDS)
        except queue.Empty:
            self.line.history.fault(f"no reply within {REPLY_SECONDS} s: {self.name}")
            self.line.close()
            raise Lost(one.sent) from None

    def _judge(self, reply, undo=False):
        """Raises what an error means."""
        if "error" not in reply:
            return
        code = self._code(reply)
        if undo:
            self._undo()
        raise (Unknown if code == "commit_unknown" else Refused)(code)

    def _judge_all(self, replies):
        """Of a pipelined transaction: the first error is its reason, the reply to
        `commit` its outcome."""
        errors = [self._code(r, first=i == 0) for i, r in
                  enumerate(r for r in replies if "error" in r)]
        if "error" in replies[-1]:
            self._undo()
            raise (Unknown if errors[-1] == "commit_unknown" else Refused)(errors[0])
        if errors:
            self.line.history.fault(f"commit succeeds after {errors[0]}: {self.name}")
            raise Unknown(errors[0])

    def _code(self, reply, first=True):
        code = reply["error"]["code"]
        self.codes[code] += 1
        late = {"unknown_tx"} if not first else set()  # the transaction had ended
        if code not in EXPECTED | late:
            self.line.history.fault(f"unexpected error: {json.dumps(reply)[:600]}")
        return code

    def _undo(self):
        """Frees the handle, whatever is left of the transaction."""
        try:
            one, = self.wire.send([{"op": "rollback", "tx": self.handle}])
            self._wait(one)
        except Lost:
            pass

    def _answer(self, statement, reply):
        rows = [tuple(row) for row in reply.get("rows", ())]
        answer = Answer(rows, reply.get("rowcount"))
        self.nonces.append(statement.seen(answer))
        return answer
