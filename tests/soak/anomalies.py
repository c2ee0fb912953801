# SPDX-License-Identifier: MIT
"""What a checker has found, and the checks that hold for every workload."""
import collections

EACH = 5  # descriptions that are kept of one class


class Anomalies:
    """Classes of anomalies with how often they were met and some examples."""

    def __init__(self):
        self.counts = collections.Counter()
        self.examples = collections.defaultdict(list)

    def add(self, kind, text):
        self.counts[kind] += 1
        if len(self.examples[kind]) < EACH:
            self.examples[kind].append(text)

    def merge(self, other):
        self.counts.update(other.counts)
        for kind, texts in other.examples.items():
            self.examples[kind] = (self.examples[kind] + texts)[:EACH]

    def kinds(self):
        return set(self.counts)

    def lines(self, kinds=None):
        """Each class with its count, those of `kinds` (all) with examples."""
        for kind, count in sorted(self.counts.items()):
            yield f"{kind}: {count}"
            if kinds is None or kind in kinds:
                yield from (f"    {text[:600]}" for text in self.examples[kind])


def check_common(events, ops):
    """Crossed answers, and what clients saw to be wrong on the spot."""
    found = Anomalies()
    for e in events:
        if e["type"] == "fault":
            found.add("fault", f"{e['proc']}: {e['op']['what']}")
    for one in ops.values():
        for sent, got in one.result.get("nonces", ()):
            if sent != got:
                found.add("crossed-answer", f"asked {sent}, was told {got}: {one}")
    return found


def check_ids(ops, stored, what):
    """ok exactly once, fail absent, nothing that nobody wrote. `ops` maps an id to the
    operation that wrote it, `stored` counts the ids that are there at the end."""
    found = Anomalies()
    for key, one in ops.items():
        there = stored.get(key, 0)
        if there > 1:
            found.add("duplicate", f"{what} {key} is there {there} times: {one}")
        elif one.type == "ok" and there == 0:
            found.add("lost-write", f"{what} {key} was acknowledged and is not there: {one}")
        elif one.type == "fail" and there == 1:
            found.add("phantom", f"{what} {key} was refused and is there: {one}")
    for key in stored:
        if key not in ops:
            found.add("phantom", f"{what} {key} is there and nobody wrote it")
    return found
