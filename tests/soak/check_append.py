# SPDX-License-Identifier: MIT
"""Judges a list-append history.

A transaction is a list of steps, ["append", key, value] and ["r", key, list]; every
value is appended once at most. The longest list of a key, which is the one that the
oracle read at the end, is the order of its versions. From it follow who wrote after
whom (ww), who read from whom (wr), and who read before whom wrote (rw); and from the
clock, who began after whom had ended (rt). A cycle of those is an anomaly, named as
Adya names them:

    G0        ww alone                   G1a  a read of a refused transaction
    G1c       ww and wr                  G1b  a read of a transaction's middle
    G-single  exactly one rw             G2   more than one rw

With "-realtime" behind it when it takes the clock to close the cycle.
"""
import bisect

from anomalies import Anomalies
from graph import Graph
from history import final, operations

WRITES, READS = frozenset({"ww"}), frozenset({"ww", "wr"})


class Appends:
    """The transactions of a history, who wrote what, and the order of versions."""

    def __init__(self, events):
        self.found = Anomalies()
        self.ops = {i: one for i, one in operations(events).items() if one.f == "txn"}
        self.final = {int(k): v for k, v in final(events).get("lists", {}).items()}
        self.read = "lists" in final(events)
        self.writer, self.last = {}, {}
        for one in self.ops.values():
            for f, key, value in one.op["steps"]:
                if f == "append":
                    self.writer[value] = one
                    self.last[one.i, key] = value
        self.place = {v: at for order in self.final.values() for at, v in enumerate(order)}

    def happened(self, one):
        """Whether it took effect: by its end, or by what is there of an unknown one."""
        if one.type != "info":
            return one.type == "ok"
        return any(f == "append" and v in self.place for f, _, v in one.op["steps"])


def check(events):
    a = Appends(events)
    if not a.read:
        a.found.add("fault", "the oracle could not read the lists")
        return a.found
    check_final(a)
    for one in a.ops.values():
        if one.type == "ok":
            check_reads(a, one)
    find_cycles(a, dependencies(a))
    return a.found


# ---- what can be seen without a graph ----

def check_final(a):
    for key, order in a.final.items():
        if len(set(order)) != len(order):
            a.found.add("duplicate", f"key {key}: {order}")
        for value in order:
            one = a.writer.get(value)
            if one is None:
                a.found.add("phantom", f"key {key}: nobody appended {value}")
            elif one.type == "fail":
                a.found.add("phantom", f"key {key}: {value} was refused and is there: {one}")
            elif ["append", key, value] not in one.op["steps"]:
                a.found.add("crossed-write", f"key {key} has {value} of {one}")
    for one in a.ops.values():
        there = [v in a.place for f, _, v in one.op["steps"] if f == "append"]
        if one.type == "ok" and not all(there):
            a.found.add("lost-write", f"acknowledged, and not there: {one}")
        elif one.type == "info" and any(there) and not all(there):
            a.found.add("partial", f"a part of it is there: {one}")


def check_reads(a, one):
    """The reads of an acknowledged transaction, one after the other."""
    own, seen = {}, {}  # by key: its own appends so far; what it last read
    for f, key, value in one.result["steps"]:
        if f == "append":
            own.setdefault(key, []).append(value)
            seen.pop(key, None)
            continue
        mine = own.get(key, [])
        if mine and value[-len(mine):] != mine:
            a.found.add("own-write-unseen", f"key {key}, appended {mine}: {one}")
        if key in seen and seen[key] != value:
            a.found.add("unrepeatable-read", f"key {key}: {one}")
        seen[key] = value
        check_read(a, one, key, foreign(value, mine))


def foreign(value, mine):
    """What a read saw of others: without its own appends, which are at the end."""
    return value[:len(value) - len(mine)] if mine and value[-len(mine):] == mine else value


def check_read(a, one, key, value):
    for v in value:
        writer = a.writer.get(v)
        if writer is None:
            a.found.add("phantom", f"key {key}: {v}, which nobody appended, in {one}")
        elif writer.type == "fail":
            a.found.add("G1a", f"key {key}: {v} is of {writer}, read by {one}")
    if value and a.writer.get(value[-1]) not in (None, one):
        writer = a.writer[value[-1]]
        if a.last.get((writer.i, key)) != value[-1]:
            a.found.add("G1b", f"key {key}: {value[-1]} in the middle of {writer}, by {one}")
    order = a.final.get(key, [])
    if order[:len(value)] != value and not any(
            v not in a.writer or a.writer[v].type == "fail" for v in value):
        a.found.add("incompatible-order", f"key {key}: {value}, at the end {order}: {one}")


# ---- cycles ----

def dependencies(a):
    graph = Graph()
    for order in a.final.values():
        writers = [a.writer[v].i for v in order if v in a.writer]
        for before, after in zip(writers, writers[1:]):
            graph.add(before, after, "ww")
    for one in a.ops.values():
        if one.type == "ok":
            add_reads(a, one, graph)
    add_realtime([one for one in a.ops.values() if a.happened(one)], graph)
    return graph


def add_reads(a, one, graph):
    own = {}
    for f, key, value in one.result["steps"]:
        if f == "append":
            own.setdefault(key, []).append(value)
            continue
        value = foreign(value, own.get(key, []))
        order = a.final.get(key, [])
        if order[:len(value)] != value:
            continue  # reported already; it has no place in the order
        if value and value[-1] in a.writer:
            graph.add(a.writer[value[-1]].i, one.i, "wr")
        if len(value) < len(order) and order[len(value)] in a.writer:
            graph.add(one.i, a.writer[order[len(value)]].i, "rw")


def add_realtime(ops, graph):
    """Edges from what had ended to what began later: only those that do not follow from
    others. An unknown one may take effect at any later time: it ends never."""
    ended = sorted((one.end, one.begin, one.i) for one in ops if one.type == "ok")
    ends = [e[0] for e in ended]
    latest = []  # of the first n that ended, when the last of them began
    for _, begin, _ in ended:
        latest.append(max(begin, latest[-1] if latest else begin))
    for one in ops:
        at = bisect.bisect_left(ends, one.begin) - 1
        if at < 0:
            continue
        # who ended before the last of those began is before it, and so before us
        newest = latest[at]
        while at >= 0 and ends[at] >= newest:
            graph.add(ended[at][2], one.i, "rt")
            at -= 1


def find_cycles(a, graph):
    plain = find_classes(a, graph, frozenset(), "", set())
    find_classes(a, graph, frozenset({"rt"}), "-realtime", plain)


def find_classes(a, graph, more, tail, known):
    """Reports the cycles that these kinds close; the nodes that are in one. A component
    whose nodes are known already is not told again."""
    inside = set()
    for name, kinds in (("G0", WRITES), ("G1c", READS)):
        some = graph.only(kinds | more)
        for members in some.components():
            if not members & (known | inside):
                report(a, some, some.cycle(members), name + tail)
            inside |= members
    whole, reads = graph.only(READS | more | {"rw"}), graph.only(READS | more)
    for members in whole.components():
        if not members & (known | inside):
            single = with_one_rw(whole, reads, members)
            report(a, whole, single or whole.cycle(members), ("G-single" if single else "G2")
                   + tail)
        inside |= members
    return inside | known


def with_one_rw(whole, reads, members):
    for node in members:
        for target, kinds in whole.edges[node].items():
            if target in members and "rw" in kinds:
                back = reads.path(target, node, members)
                if back:
                    return [node] + back
    return None


def report(a, graph, cycle, name):
    kinds = graph.kinds(cycle)
    steps = [f"{shortly(a.ops[i])} -{kind}->" for i, kind in zip(cycle, kinds)]
    a.found.add(name, " ".join(steps) + f" #{cycle[-1]}")


def shortly(one):
    """#17 [r 4 …9, append 5 12]: of a list its last member alone."""
    steps = [f"{f} {key} " + (f"…{value[-1]}" if value else "[]") if isinstance(value, list)
             else f"{f} {key} {value}" for f, key, value in one.result.get("steps", ())]
    return f"#{one.i} [{', '.join(steps)}]"
