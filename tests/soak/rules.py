# SPDX-License-Identifier: MIT
"""Which anomalies are the database's own."""

# Anomalies that a database may have at an isolation level, as control runs show.
WRITE_SKEW = {"G2", "G2-realtime"}  # what snapshot isolation does not promise against
RULES = {
    ("postgresql", "repeatable read"): WRITE_SKEW,
    # serializable, but not in the order of the clock
    ("postgresql", "serializable"): {"G2-realtime"},
    # a statement that writes sees what the snapshot of its transaction does not
    ("mariadb", "repeatable read"): WRITE_SKEW | {"G-single", "G-single-realtime",
                                                  "unrepeatable-read"},
    ("mariadb", "serializable"): set(),
    ("sqlite", "serializable"): set(),
}
COMBINATIONS = list(RULES)

# What is never the database's: a control that shows one of these does not excuse a run.
NEVER = {"fault", "crossed-answer", "crossed-write", "duplicate"}


def verdict(plan, kinds, control):
    """The classes that count as faults of the run. `control`: what the same run straight
    to the database showed."""
    own = RULES[plan.kind, plan.isolation]
    if plan.through == "control":
        return sorted(kinds & NEVER)
    return sorted(kinds - own - (control - NEVER))
