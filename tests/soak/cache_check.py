# SPDX-License-Identifier: MIT
"""Is a cached read ever older than what its reader could know?

A history is a list of `Op`: reads and writes of registers. A register is what one writer
writes, with versions that only grow (a row; or the rows of a group, written as one); a
sum is a register that others add up to. For a read that saw v:

    L   the highest version acknowledged before the read began
    F   the highest version that a read which ended before this one began had seen
    U   the highest version that was sent before the read ended

and L <= v <= U, F <= v. For one writer that is the same as linearizability. A write whose
end is unknown raises U alone; one that was refused may never be seen.

With several daemons (`slack_ns`) a version that came through another one counts from
slack_ns after its acknowledgement; and so does what was read, which another daemon, or the
same one under another key, may still have older for so long.
"""
import bisect
import collections
import dataclasses
import gc
import struct

RECORD = struct.Struct("<QQqIHBBBBB5x")  # as cache_load.c writes them

READ, WRITE = 0, 1
OK, FAIL, INFO = 0, 1, 2
VERDICTS = ("none", "hit", "miss", "stale", "bypass")  # what the reply's `cache` said
ABSENT, TORN, STRANGE = -2, -3, -4  # no row; rows that do not agree; not what was asked for
ABORTED = -1  # what writers write that roll back

# Of each read form: which versions leave a row there.
ALWAYS, EVEN, ODD = "always", "even", "odd"


@dataclasses.dataclass(slots=True)
class Op:
    begin: int
    end: int
    value: int
    session: int
    register: int
    kind: int
    outcome: int
    form: int
    verdict: int
    instance: int


def load(path):
    with open(path, "rb") as f:
        return [Op(*fields) for fields in RECORD.iter_unpack(f.read())]


@dataclasses.dataclass
class Register:
    name: str
    members: tuple = ()  # of a sum
    start: int = 0


@dataclasses.dataclass
class Found:
    """What there is to say about a history."""
    kinds: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    lines: list = dataclasses.field(default_factory=list)  # the first few of each kind
    reads: int = 0
    writes: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    verdicts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    by_form: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    ages: list = dataclasses.field(default_factory=list)  # ns; of reads older than an ack

    def add(self, kind, line):
        self.kinds[kind] += 1
        if self.kinds[kind] <= 3:
            self.lines.append(f"{kind}: {line}")

    def oldest_ms(self):
        return max(self.ages, default=0) / 1e6


class State:
    """A register as one daemon must know it at a moment of the sweep. `seen` is by reads or
    by an acknowledgement; `whole` what was read of a sum itself."""
    __slots__ = ("acked", "seen", "sent", "whole")

    def __init__(self, start):
        self.acked = self.seen = self.sent = self.whole = start

    def floor(self):
        return max(self.seen, self.whole)


class Checker:
    """One sweep over all ends and beginnings, in the order of the clock."""

    def __init__(self, registers, forms, slack_ns=0):
        self.registers, self.forms, self.slack_ns = registers, forms, slack_ns
        self.found = Found()
        self.sums = collections.defaultdict(list)  # member: sums that have it
        for at, register in enumerate(registers):
            for member in register.members:
                self.sums[member].append(at)
        self.states = {}      # (instance, register)
        self.refused = set()  # (register, version)
        self.acks = collections.defaultdict(list)  # register: (end, version), for ages

    def check(self, ops):
        self.instances = sorted({op.instance for op in ops}) or [0]
        self.states = {(i, r): State(self._start(r)) for i in self.instances
                       for r in range(len(self.registers))}
        self.refused = {(op.register, op.value) for op in ops
                        if op.kind == WRITE and op.outcome == FAIL}
        for when, _, handle, op, more in self._events(ops):
            handle(op, more)
        return self.found

    def _start(self, register):
        members = self.registers[register].members
        return sum(self._start(m) for m in members) if members else \
            self.registers[register].start

    def _events(self, ops):
        """Beginnings come before ends of the same moment: that is never too strict."""
        events = []
        for at, op in enumerate(ops):
            if op.kind == WRITE:
                self.found.writes[op.outcome] += 1
                if op.outcome != FAIL:
                    events.append((op.begin, at, self._sent, op, None))
                if op.outcome == OK:
                    events += self._later(at, op, self._acked)
                    self.acks[op.register].append((op.end, op.value))
            elif op.outcome == OK:
                self.found.reads += 1
                self.found.verdicts[VERDICTS[op.verdict]] += 1
                self.found.by_form[op.form, VERDICTS[op.verdict]] += 1
                floors = []
                events.append((op.begin, at, self._begun, op, floors))
                events.append((op.end, at + len(ops), self._ended, op, floors))
                if op.value >= 0:
                    events += self._later(at, op, self._seen)
        for acks in self.acks.values():
            acks.sort()
        events.sort(key=lambda e: e[:2])
        return events

    def _later(self, at, op, handle):
        """When each instance must know of what op wrote or saw."""
        far = self.slack_ns if len(self.instances) > 1 else 0
        near = far if handle == self._seen else 0
        for i in self.instances:
            delay = near if i == op.instance else far
            yield op.end + delay, at + (1 << 40), handle, op, i

    # ---- what happens ----

    def _raise(self, instance, register, what, value):
        state = self.states[instance, register]
        more = value - getattr(state, what)
        if more > 0:
            setattr(state, what, value)
            for each in self.sums[register]:
                whole = self.states[instance, each]
                setattr(whole, what, getattr(whole, what) + more)

    def _sent(self, op, _):
        for i in self.instances:
            self._raise(i, op.register, "sent", op.value)

    def _acked(self, op, instance):
        self._raise(instance, op.register, "acked", op.value)
        self._raise(instance, op.register, "seen", op.value)

    def _seen(self, op, instance):
        what = "whole" if self.registers[op.register].members else "seen"
        self._raise(instance, op.register, what, op.value)

    def _begun(self, op, floors):
        state = self.states[op.instance, op.register]
        floors += [state.acked, state.floor()]

    def _ended(self, op, floors):
        acked, floor = floors
        sent = self.states[op.instance, op.register].sent
        kind = self._judge(op, acked, floor, sent)
        if kind:
            self.found.add(kind, self._tell(op, acked, floor, sent))
        if op.value >= 0:
            self._age(op)

    # ---- what may be ----

    def _judge(self, op, acked, floor, sent):
        """The name of what is wrong, or None."""
        value = op.value
        if value == ABORTED or (op.register, value) in self.refused:
            return "aborted-read"
        if value == TORN:
            return "torn-read"
        if value < ABSENT:
            return "strange-read"
        if value == ABSENT:
            return self._judge_absent(op, floor, sent)
        if value > sent:
            return "read-from-nowhere"
        if not self._leaves_a_row(op.form, value):
            return "row-that-is-not-there"
        if value < acked:
            return "stale-read"
        return "backwards-read" if value < floor else None

    def _judge_absent(self, op, floor, sent):
        """Some version that may be seen now leaves no row."""
        for version in range(floor, min(sent, floor + 2) + 1):
            if not self._leaves_a_row(op.form, version):
                return None
        return "missing-row"

    def _leaves_a_row(self, form, version):
        rule = self.forms[form]
        return rule == ALWAYS or (version % 2 == 0) == (rule == EVEN)

    def _age(self, op):
        """How long ago what was read had been overwritten, if that was acknowledged."""
        if self.registers[op.register].members:
            return
        acks = self.acks[op.register]
        at = bisect.bisect_right(acks, op.value, key=lambda ack: ack[1])
        if at < len(acks) and acks[at][0] < op.begin:
            self.found.ages.append(op.begin - acks[at][0])

    def _tell(self, op, acked, floor, sent):
        return (f"{self.registers[op.register].name} read as {op.value} by session "
                f"{op.session}, form {op.form}, instance {op.instance}, "
                f"{VERDICTS[op.verdict]}, from {op.begin} to {op.end}: acknowledged {acked}, "
                f"seen {floor}, sent {sent}")


def check(ops, registers, forms, slack_ns=0):
    """ops: list of Op; registers: list of Register; forms: ALWAYS, EVEN, ODD by form."""
    gc.disable()  # millions of tuples, none of which is in a cycle
    try:
        return Checker(registers, forms, slack_ns).check(ops)
    finally:
        gc.enable()
