# SPDX-License-Identifier: MIT
"""Judges a bank history. What must hold:

- every sum, of one statement or of two in one transaction, is the same total, and
  both readings of a transaction agree account by account;
- the ids of acknowledged transfers are in the ledger exactly once, those of refused
  ones never; the same for marks (single inserts outside of transactions);
- the balances at the end are what the ledger makes of the first ones.
"""
import collections

from anomalies import Anomalies, check_ids
from history import final, operations


def check(events, accounts, start):
    """Anomalies of a history over `accounts` accounts that held `start` each."""
    ops = operations(events)
    end = final(events)
    found = Anomalies()
    for one in ops.values():
        if one.type == "ok" and one.f == "sum":
            check_sum(one, accounts * start, found)
    if "ledger" not in end:
        found.add("fault", "the oracle could not read the bank")
        return found
    stored = collections.Counter(row[0] for row in end["ledger"])
    found.merge(check_ids(written(ops, "transfer"), stored, "transfer"))
    found.merge(check_ids(written(ops, "mark"), collections.Counter(end["marks"]), "mark"))
    check_entries(ops, end["ledger"], found)
    check_balances(end, accounts, start, found)
    return found


def written(ops, f):
    return {one.op["id"]: one for one in ops.values() if one.f == f}


def check_sum(one, total, found):
    """A sum has one or two readings, each {account: balance} or a plain total."""
    readings = one.result["readings"]
    for reading in readings:
        value = sum(reading.values()) if isinstance(reading, dict) else reading
        if value != total:
            found.add("wrong-sum", f"{value} instead of {total}: {one}")
            return
    maps = [r for r in readings if isinstance(r, dict)]
    if any(m != maps[0] for m in maps):
        found.add("unrepeatable-read", f"two readings of one transaction differ: {one}")


def check_entries(ops, ledger, found):
    """The entry of a transfer is what was asked for."""
    asked = written(ops, "transfer")
    for key, *entry in ledger:
        one = asked.get(key)
        if one and entry != [one.op["from"], one.op["to"], one.op["amount"]]:
            found.add("crossed-write", f"ledger has {entry} for {one}")


def check_balances(end, accounts, start, found):
    replay = {str(a): start for a in range(accounts)}
    for _, source, target, amount in end["ledger"]:
        replay[str(source)] -= amount
        replay[str(target)] += amount
    balances = {str(k): v for k, v in end["accounts"].items()}
    if balances != replay:
        found.add("wrong-balance", f"balances {balances}, the ledger says {replay}")
