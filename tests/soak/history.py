# SPDX-License-Identifier: MIT
"""The history of a run: one JSON object on each line, in the order it happened.

    {"t":…, "type":"invoke", "proc":3, "session":"c1/t3", "i":17, "instance":"proxy",
     "op":{"f":"transfer", "id":17, "from":2, "to":5, "amount":4}}
    {"t":…, "type":"ok", …, "i":17, "op":{…, "nonces":[[sent, got], …]}}

`i` is the number of the operation, `t` monotonic nanoseconds of one clock. How an
operation ends:

    ok     acknowledged: it must be there, exactly once
    fail   refused with a certain outcome: nothing of it may be there
    info   nobody knows: either, but as a whole. The process is retired: it goes on
           under a new number.

The nemesis writes its deeds into the same file (proc "nemesis", type "info"). What
was seen to be wrong while the run went on has the type "fault" (a reply that nobody
asked for, an error that may not be, a request without an end), and what the oracle
read from the database at the end is an operation "final" of the proc "oracle".
"""
import dataclasses
import json
import threading
import time


class History:
    """Takes events from any thread and writes them to a file."""

    def __init__(self, path, instance):
        self.path, self.instance = path, instance
        self.lock = threading.Lock()
        self.events, self.count = [], 0
        self.file = open(path, "w", encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()

    def add(self, kind, proc, op, i=None, session=None):
        """Appends an event; a new number when `i` is None."""
        with self.lock:
            if i is None:
                i, self.count = self.count, self.count + 1
            event = {"t": time.monotonic_ns(), "type": kind, "proc": proc, "session": session,
                     "i": i, "instance": self.instance, "op": op}
            self.events.append(event)
            self.file.write(json.dumps(event, separators=(",", ":")) + "\n")
        return i

    def fault(self, what, proc="client", **more):
        self.add("fault", proc, {"f": "fault", "what": what, **more})


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


@dataclasses.dataclass
class Operation:
    """One operation from its call to its end. One that never ended is `info`."""
    i: int
    proc: object
    begin: int
    op: dict           # as it was called
    type: str = "info"
    end: int = None    # None: it never ended
    result: dict = dataclasses.field(default_factory=dict)

    @property
    def f(self):
        return self.op["f"]

    def __str__(self):
        return f"#{self.i} {self.type} {json.dumps(self.result or self.op)}"


def operations(events):
    """The operations of clients, by number."""
    found = {}
    for e in events:
        if e["type"] == "invoke":
            found[e["i"]] = Operation(e["i"], e["proc"], e["t"], e["op"])
        elif e["i"] in found:
            one = found[e["i"]]
            one.type, one.end, one.result = e["type"], e["t"], e["op"]
    return found


def final(events):
    """What the oracle read, or {}."""
    for e in reversed(events):
        if e["proc"] == "oracle":
            return e["op"]
    return {}
