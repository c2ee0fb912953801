# SPDX-License-Identifier: MIT
"""The checkers find what they are for: histories made by hand, each with one fault."""
import json

import pytest

import anomalies
import check_append
import check_bank
import history
from graph import Graph


class Made:
    """A history written down by a test. Each operation begins behind the one before it,
    unless `at` says when it was under way."""

    def __init__(self):
        self.events, self.i = [], 0

    def add(self, kind, op, more=None, at=None):
        self.i += 1
        begin, end = at or (self.i * 10, self.i * 10 + 5)
        self.event(begin, "invoke", op)
        if kind:
            self.event(end, kind, {**op, **(more or {})})
        return self

    def event(self, t, kind, op, proc=1):
        self.events.append({"t": t, "type": kind, "proc": proc, "session": None, "i": self.i,
                            "instance": "made", "op": op})

    # ---- bank ----

    def transfer(self, kind, key, amount=5, **more):
        return self.add(kind, {"f": "transfer", "id": key, "from": 0, "to": 1,
                               "amount": amount}, more)

    def mark(self, kind, key):
        return self.add(kind, {"f": "mark", "id": key})

    def sum(self, *readings):
        return self.add("ok", {"f": "sum"}, {"readings": list(readings)})

    def bank(self, ledger=(), marks=(), balances=None):
        """The end, and the classes that are found. Two accounts of 100."""
        moved = sum(row[3] for row in ledger)
        self.i += 1
        self.event(10**6, "ok", {"f": "final", "ledger": [list(row) for row in ledger],
                                 "marks": list(marks),
                                 "accounts": balances or {"0": 100 - moved, "1": 100 + moved}},
                   "oracle")
        found = anomalies.check_common(self.events, history.operations(self.events))
        found.merge(check_bank.check(self.events, 2, 100))
        return found.kinds()

    # ---- lists ----

    def txn(self, kind, *steps, at=None):
        asked = [[f, k, None if f == "r" else v] for f, k, v in steps]
        return self.add(kind, {"f": "txn", "steps": asked},
                        {"steps": [list(s) for s in steps]} if kind == "ok" else None, at)

    def lists(self, **final):
        self.i += 1
        self.event(10**6, "ok", {"f": "final", "lists": {k[1:]: v for k, v in final.items()}},
                   "oracle")
        return check_append.check(self.events).kinds()


def r(key, *values):
    return ("r", key, list(values))


def append(key, value):
    return ("append", key, value)


# ---- bank ----

def test_a_good_bank():
    made = Made().transfer("ok", 1).transfer("fail", 2).transfer("info", 3).transfer("info", 4)
    made.transfer(None, 5).sum({"0": 95, "1": 105}, 200, {"0": 95, "1": 105})
    made.mark("ok", 1).mark("info", 2).mark("fail", 3)
    assert made.bank([(1, 0, 1, 5), (3, 0, 1, 5)], [1]) == set()


@pytest.mark.parametrize("kind,there,found", [
    ("ok", 0, {"lost-write"}), ("ok", 2, {"duplicate"}), ("fail", 1, {"phantom"}),
    ("info", 2, {"duplicate"}), ("info", 1, set()), ("info", 0, set()), (None, 1, set()),
])
def test_transfers_and_marks_against_what_is_there(kind, there, found):
    assert Made().transfer(kind, 7).bank([(7, 0, 1, 5)] * there) == found
    assert Made().mark(kind, 7).bank(marks=[7] * there) == found


def test_an_entry_that_nobody_made_or_with_other_values():
    assert Made().bank([(9, 0, 1, 5)]) == {"phantom"}
    assert Made().transfer("ok", 9, 4).bank([(9, 0, 1, 5)]) == {"crossed-write"}


def test_sums():
    assert Made().sum(199).bank() == {"wrong-sum"}
    assert Made().sum({"0": 100, "1": 101}).bank() == {"wrong-sum"}
    assert Made().sum({"0": 100, "1": 100}, 200, {"0": 99, "1": 101}).bank() == \
        {"unrepeatable-read"}


def test_a_lost_update_shows_in_the_balances():
    made = Made().transfer("ok", 1).transfer("ok", 2)
    assert made.bank([(1, 0, 1, 5), (2, 0, 1, 5)], balances={"0": 95, "1": 105}) == \
        {"wrong-balance"}


def test_half_a_transfer_shows_in_the_balances():
    made = Made().transfer("info", 1)
    assert made.bank([(1, 0, 1, 5)], balances={"0": 95, "1": 100}) == {"wrong-balance"}


def test_a_crossed_answer():
    assert Made().transfer("ok", 1, nonces=[[11, 11], [12, 13]]).bank([(1, 0, 1, 5)]) == \
        {"crossed-answer"}
    assert Made().transfer("fail", 1, nonces=[["count", "2 rows"]]).bank() == {"crossed-answer"}


def test_a_fault_that_was_seen_on_the_way_counts():
    made = Made()
    made.event(5, "fault", {"f": "fault", "what": "a reply that nobody waits for"})
    assert made.bank() == {"fault"}


def test_without_the_oracle_nothing_is_good():
    made = Made().transfer("ok", 1)
    assert check_bank.check(made.events, 2, 100).kinds() == {"fault"}
    assert check_append.check(made.events).kinds() == {"fault"}


# ---- lists: what is seen without a graph ----

def test_good_lists():
    made = Made().txn("ok", append(1, 10), r(1, 10)).txn("ok", r(1, 10), append(1, 11))
    made.txn("fail", append(1, 12)).txn("info", append(1, 13), append(2, 14))
    made.txn("info", append(1, 15)).txn("ok", r(1, 10, 11, 13), r(2, 14), r(3))
    assert made.lists(k1=[10, 11, 13], k2=[14]) == set()


@pytest.mark.parametrize("kind,final,found", [
    ("ok", [], {"lost-write"}), ("ok", [10], {"lost-write"}), ("ok", [10, 11], set()),
    ("fail", [10, 11], {"phantom"}), ("info", [10], {"partial"}), ("info", [], set()),
    ("info", [10, 11], set()), ("ok", [10, 11, 10], {"duplicate"}),
])
def test_appends_against_what_is_there(kind, final, found):
    made = Made().txn(kind, append(1, 10), append(1, 11))
    assert made.lists(k1=final) & (found or made.lists(k1=final)) == found


def test_values_of_nobody_or_of_another_key():
    assert "phantom" in Made().lists(k1=[99])
    assert "crossed-write" in Made().txn("ok", append(1, 10)).lists(k2=[10])


def test_reads_of_what_was_refused_or_unfinished():
    assert "G1a" in Made().txn("fail", append(1, 10)).txn("ok", r(1, 10)).lists()
    made = Made().txn("ok", append(1, 10), append(1, 11), at=(10, 30))
    assert "G1b" in made.txn("ok", r(1, 10), at=(10, 30)).lists(k1=[10, 11])


def test_reads_within_a_transaction():
    assert "own-write-unseen" in Made().txn("ok", append(1, 10), r(1)).lists(k1=[10])
    made = Made().txn("ok", append(1, 10), at=(10, 30)).txn("ok", r(1), r(1, 10), at=(10, 30))
    assert "unrepeatable-read" in made.lists(k1=[10])


def test_reads_that_are_no_beginning_of_the_list():
    made = Made().txn("ok", append(1, 10), at=(10, 30)).txn("ok", append(1, 11), at=(10, 30))
    assert "incompatible-order" in made.txn("ok", r(1, 11)).lists(k1=[10, 11])


# ---- lists: cycles ----

TOGETHER = (10, 50)


def test_g0():
    made = Made().txn("ok", append(1, 10), append(2, 20), at=TOGETHER)
    made.txn("ok", append(1, 11), append(2, 21), at=TOGETHER)
    assert made.lists(k1=[10, 11], k2=[21, 20]) == {"G0"}


def test_g1c():
    made = Made().txn("ok", append(1, 10), r(2, 20), at=TOGETHER)
    made.txn("ok", append(2, 20), r(1, 10), at=TOGETHER)
    assert made.lists(k1=[10], k2=[20]) == {"G1c"}


def test_g_single_lost_update():
    made = Made().txn("ok", r(1), append(1, 10), at=TOGETHER)
    made.txn("ok", r(1), append(1, 11), at=TOGETHER)
    assert made.lists(k1=[10, 11]) == {"G-single"}


def test_g_single_read_skew():
    made = Made().txn("ok", append(1, 10), append(2, 20), at=TOGETHER)
    made.txn("ok", r(1), r(2, 20), at=TOGETHER)
    assert made.lists(k1=[10], k2=[20]) == {"G-single"}


def test_g2_write_skew():
    made = Made().txn("ok", r(1), append(2, 20), at=TOGETHER)
    made.txn("ok", r(2), append(1, 10), at=TOGETHER)
    assert made.lists(k1=[10], k2=[20]) == {"G2"}


def test_a_stale_read_needs_the_clock():
    made = Made().txn("ok", append(1, 10)).txn("ok", append(2, 20))
    assert made.txn("ok", r(1)).lists(k1=[10], k2=[20]) == {"G-single-realtime"}
    made = Made().txn("ok", append(1, 10), at=TOGETHER).txn("ok", r(1), at=TOGETHER)
    assert made.lists(k1=[10]) == set()


def test_appends_against_the_clock():
    made = Made().txn("ok", append(1, 10)).txn("ok", append(1, 11))
    assert made.lists(k1=[11, 10]) == {"G0-realtime"}


def test_an_unknown_one_may_take_effect_late():
    made = Made().txn("info", append(1, 10)).txn("ok", append(1, 11)).txn("ok", r(1, 11))
    assert made.lists(k1=[11, 10]) == set()
    made = Made().txn("ok", append(1, 11)).txn("info", append(1, 10))  # but not too early
    assert made.lists(k1=[10, 11]) == {"G0-realtime"}


def test_clock_edges_are_enough_for_all_orders():
    """Against the definition: a before b if a had ended when b began."""
    import random
    rng = random.Random(3)
    for _ in range(200):
        made = Made()
        for value in range(12):
            begin = rng.randrange(100)
            made.txn(rng.choice(("ok", "ok", "info")), append(1, value),
                     at=(begin, begin + rng.randrange(1, 40)))
        ops = list(history.operations(made.events).values())
        graph = Graph()
        check_append.add_realtime(ops, graph)
        everyone = {one.i for one in ops}
        for a in ops:
            for b in ops:
                before = a.type == "ok" and a.end < b.begin
                reached = a is not b and graph.path(a.i, b.i, everyone) is not None
                assert before == reached, (a, b)


# ---- the tools ----

def test_components_of_a_deep_graph():
    graph = Graph()
    for n in range(20000):
        graph.add(n, n + 1, "ww")
    assert graph.components() == []
    graph.add(20000, 0, "rw")
    assert [len(c) for c in graph.components()] == [20001]
    assert graph.only({"ww"}).components() == []


def test_a_history_is_read_as_it_was_written(tmp_path):
    path = str(tmp_path / "h.jsonl")
    with history.History(path, "made") as h:
        i = h.add("invoke", 1, {"f": "mark", "id": 1})
        h.add("ok", 1, {"f": "mark", "id": 1, "nonces": []}, i)
        h.fault("something")
    assert history.read(path) == json.loads(json.dumps(h.events))
    ops = history.operations(h.events)
    assert [one.type for one in ops.values()] == ["ok"]
