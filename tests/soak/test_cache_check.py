# SPDX-License-Identifier: MIT
"""The checker of cached reads finds what it is for: histories made by hand."""
import random

from cache_check import (ABSENT, ALWAYS, EVEN, FAIL, INFO, ODD, OK, READ, RECORD, STRANGE, TORN,
                         VERDICTS, WRITE, Op, Register, check, load)

REGISTERS = [Register("a"), Register("b"), Register("a + b", members=(0, 1))]
FORMS = [ALWAYS, EVEN, ODD]
EVEN_FORM, ODD_FORM = FORMS.index(EVEN), FORMS.index(ODD)
SECOND = 10**9


class Made:
    """Each operation begins behind the one before it, unless `at` says when it was."""

    def __init__(self):
        self.ops, self.now = [], 0

    def add(self, kind, register, value, outcome, at, form, instance):
        self.now += 10
        begin, end = at or (self.now, self.now + 5)
        self.ops.append(Op(begin, end, value, 0, register, kind, outcome, form, 1, instance))
        return self

    def w(self, value, outcome=OK, at=None, register=0, instance=0):
        return self.add(WRITE, register, value, outcome, at, 0, instance)

    def r(self, value, at=None, register=0, form=0, instance=0):
        return self.add(READ, register, value, OK, at, form, instance)

    def check(self, slack_ns=0):
        return check(self.ops, REGISTERS, FORMS, slack_ns)

    def kinds(self, slack_ns=0):
        return set(self.check(slack_ns).kinds)


def test_a_good_history():
    made = Made().r(0).w(1).r(1).w(2, FAIL).r(1).w(3, INFO).r(1).r(3).w(4, at=(200, 300))
    made.r(3, at=(210, 220)).r(4, at=(230, 240)).r(4, at=(310, 320))
    found = made.check()
    assert not found.kinds and found.reads == 8 and found.ages == []


def test_stale_is_what_was_overwritten_and_acknowledged():
    assert Made().w(1).w(2).r(1).kinds() == {"stale-read"}
    assert Made().w(1).r(0).kinds() == {"stale-read"}


def test_beside_a_write_both_may_be_seen():
    assert Made().w(1, at=(10, 50)).r(0, at=(20, 30)).r(1, at=(20, 60)).kinds() == set()
    assert Made().w(1, at=(10, 50)).r(0, at=(50, 60)).kinds() == set()  # the same moment
    assert Made().w(1, at=(10, 50)).r(0, at=(51, 60)).kinds() == {"stale-read"}


def test_nothing_goes_backwards():
    made = Made().w(1, at=(10, 100)).r(1, at=(20, 30))
    assert made.r(0, at=(31, 40)).kinds() == {"backwards-read"}
    assert Made().w(1, at=(10, 100)).r(1, at=(20, 30)).r(0, at=(29, 40)).kinds() == set()


def test_an_unknown_write_may_come_late_or_never():
    made = Made().w(1, INFO).r(0).r(0).r(1)
    assert made.kinds() == set()
    assert made.r(0).kinds() == {"backwards-read"}
    assert Made().w(1, INFO).w(2).r(1).kinds() == {"stale-read"}


def test_what_was_refused_or_rolled_back_is_never_seen():
    assert Made().w(1, FAIL).r(1).kinds() == {"aborted-read"}
    assert Made().w(1, FAIL).w(2, at=(100, 200)).r(1, at=(110, 120)).kinds() == {"aborted-read"}
    assert Made().r(-1).kinds() == {"aborted-read"}


def test_what_nobody_sent():
    assert Made().r(1).w(1).kinds() == {"read-from-nowhere"}


def test_rows_that_do_not_agree_and_answers_to_something_else():
    assert Made().r(TORN).kinds() == {"torn-read"}
    assert Made().r(STRANGE).kinds() == {"strange-read"}


def test_rows_that_come_and_go():
    assert Made().r(0, form=EVEN_FORM).w(1).r(ABSENT, form=EVEN_FORM).r(1, form=ODD_FORM) \
        .w(2).r(2, form=EVEN_FORM).r(ABSENT, form=ODD_FORM).kinds() == set()
    assert Made().w(1).r(1, form=EVEN_FORM).kinds() == {"row-that-is-not-there"}
    assert Made().r(ABSENT).kinds() == {"missing-row"}
    assert Made().w(1).w(2).r(ABSENT, form=EVEN_FORM).kinds() == {"missing-row"}
    assert Made().w(1).r(0, form=EVEN_FORM).kinds() == {"stale-read"}
    assert Made().w(1, INFO).r(ABSENT, form=EVEN_FORM).kinds() == set()


def test_sums():
    good = Made().r(0, register=2).w(1).w(1, register=1).r(2, register=2).w(2).r(3, register=2)
    assert good.kinds() == set()
    assert Made().w(1).w(1, register=1).r(1, register=2).kinds() == {"stale-read"}
    assert Made().w(1).r(2, register=2).kinds() == {"read-from-nowhere"}
    seen = Made().w(1, at=(10, 500)).r(1, at=(20, 30))
    assert seen.r(0, register=2, at=(40, 50)).kinds() == {"backwards-read"}
    seen = Made().w(1, at=(10, 500)).r(1, register=2, at=(20, 30))
    assert seen.r(0, register=2, at=(40, 50)).kinds() == {"backwards-read"}


def test_two_daemons_and_a_second():
    def made(later, instance):
        return Made().w(1, at=(0, SECOND), instance=0).r(
            0, at=(SECOND + later, SECOND + later + 5), instance=instance)
    for later in (10, SECOND, SECOND + 10):
        assert made(later, 0).kinds(SECOND) == ({"stale-read"}), "through the same daemon"
    assert made(10, 1).kinds(SECOND) == set()
    assert made(SECOND, 1).kinds(SECOND) == set()
    assert made(SECOND + 10, 1).kinds(SECOND) == {"stale-read"}
    assert made(10, 1).check(SECOND).ages == [10]
    assert made(10, 1).kinds() == {"stale-read"}, "without slack they are as one"


def test_two_daemons_go_backwards_only_within_the_second():
    def made(later):
        seen = Made().w(1, at=(0, 9 * SECOND)).r(1, at=(SECOND, SECOND + 5), instance=1)
        return seen.r(0, at=(SECOND + later, SECOND + later + 5), instance=1)
    assert made(10).kinds(SECOND) == set()
    assert made(SECOND + 10).kinds(SECOND) == {"backwards-read"}


def test_against_the_definition():
    """Random histories of one register, judged read by read, as reliability is defined."""
    rng = random.Random(5)
    seen = set()
    for _ in range(300):
        made, t = Made(), 0
        for version in range(1, 12):
            t += rng.randrange(1, 30)
            end = t + rng.randrange(1, 30)
            made.w(version, rng.choice((OK, OK, OK, INFO)), at=(t, end))
            t = end
        for _ in range(8):
            begin = rng.randrange(t)
            sent = [o.value for o in made.ops if o.kind == WRITE and o.begin <= begin]
            value = max(sent, default=0) - (rng.random() < 0.15)
            made.r(value, at=(begin, begin + rng.randrange(1, 40)))
        good = all(right(made.ops, op) for op in made.ops if op.kind == READ)
        assert good == (not made.kinds()), made.ops
        seen.add(good)
    assert seen == {True, False}


def right(ops, r):
    writes, reads = ([o for o in ops if o.kind == k] for k in (WRITE, READ))
    low = max([w.value for w in writes if w.outcome == OK and w.end < r.begin], default=0)
    seen = max([o.value for o in reads if o.end < r.begin], default=0)
    high = max([w.value for w in writes if w.begin <= r.end], default=0)
    return max(low, seen) <= r.value <= high


def test_records_are_read_as_they_were_written(tmp_path):
    op = Op(2**63, 2**63 + 1, -1, 70000, 300, READ, FAIL, 7, VERDICTS.index("stale"), 1)
    values = [getattr(op, name) for name in Op.__dataclass_fields__]
    path = tmp_path / "h"
    path.write_bytes(RECORD.pack(*values) * 2)
    assert RECORD.size == 40 and load(path) == [op, op]
