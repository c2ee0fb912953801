# SPDX-License-Identifier: MIT
"""Reads of one value that ask for the result cache, and waiting for what they say."""
import time


def ask(client, query, cache=True):
    """(value, the reply's word about the cache)"""
    reply = client.query(query, expect="scalar", cache=cache)
    return reply["value"], reply["cache"]


def kept(client, query, cache=True, seconds=60):
    """The value, once it is served from the cache."""
    end = time.monotonic() + seconds
    while (got := ask(client, query, cache))[1] != "hit":
        assert time.monotonic() < end, f"it is never found in the cache: {got}"
        time.sleep(0.005)
    return got[0]


def becomes(client, query, value, cache=True, seconds=60):
    """Waits until this value is served."""
    end = time.monotonic() + seconds
    while (got := ask(client, query, cache))[0] != value:
        assert time.monotonic() < end, f"it never becomes {value!r}: {got}"
        time.sleep(0.005)
