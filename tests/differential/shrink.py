# SPDX-License-Identifier: MIT
"""Makes a disagreeing request smaller while it still disagrees.

Clauses are dropped, operations replaced by one of their arguments, lists thinned out.
A candidate that no longer makes sense is refused by the daemon on all databases alike,
so it does not disagree, and is dropped. What makes an order total is left alone: an
order is changed only where no limit depends on it.
"""
import copy
import time

TRIES, SECONDS = 400, 20
CLAUSES = ["distinct", "having", "where", "limit", "offset", "join", "order_by", "with",
           "recursive", "window", "else", "of", "filter", "rows", "range", "groups", "exclude",
           "partition_by", "returning", "conflict", "group_by", "with_ties", "for", "nulls"]


def places(x, at=()):
    """Paths to all that is inside, the larger first."""
    if isinstance(x, dict):
        for key, value in x.items():
            if key not in ("value", "type", "name"):
                yield (*at, key)
                yield from places(value, (*at, key))
    elif isinstance(x, list):
        for i, value in enumerate(x):
            yield (*at, i)
            yield from places(value, (*at, i))


def get(x, path):
    for step in path:
        x = x[step]
    return x


def put(x, path, value):
    """A copy of x with value at path."""
    x = copy.deepcopy(x)
    get(x, path[:-1])[path[-1]] = value
    return x


def drop(x, path):
    x = copy.deepcopy(x)
    del get(x, path[:-1])[path[-1]]
    return x


def sorted_and_cut(query, path):
    """Whether path lies in an order that a limit, or a window, depends on."""
    for i, step in enumerate(path):
        if step == "order_by":
            owner = get(query, path[:i])
            if set(owner) & {"limit", "offset", "over", "aggregate", "with_ties"}:
                return True
            if isinstance(owner.get("distinct"), list):
                return True
    return False


def candidates(query):
    for path in list(places(query)):
        if sorted_and_cut(query, path):
            continue
        value, parent = get(query, path), get(query, path[:-1])
        if isinstance(parent, dict) and path[-1] in CLAUSES:
            cut = drop(query, path)
            if path[-1] == "order_by" and set(parent) & {"limit", "offset"}:
                owner = get(cut, path[:-1])
                owner.pop("limit", None), owner.pop("offset", None)
            yield cut
        if isinstance(parent, list) and len(parent) > 1 and path[-1] != 0 or \
                isinstance(parent, list) and isinstance(parent[0], (dict, list)):
            yield drop(query, path)
        if isinstance(value, list) and len(value) > 1 and isinstance(value[0], str):
            for part in value[1:]:
                yield put(query, path, part)
        if isinstance(value, dict):
            for key in ("aggregate", "else"):
                if key in value:
                    yield put(query, path, value[key])
            for pair in value.get("case", []):
                yield put(query, path, pair[1])
        if isinstance(value, (list, dict)) and path[-1] in ("where", "on", "having"):
            yield put(query, path, True)


def used_params(request):
    names = set()

    def look(x):
        if isinstance(x, str) and x.startswith(":"):
            names.add(x[1:])
        elif isinstance(x, dict):
            for k, v in x.items():
                if k != "value":
                    look(v)
        elif isinstance(x, list):
            for v in x:
                look(v)
    look(request["query"])
    return names


def with_query(case, query):
    new = copy.copy(case)
    new.request = {**case.request, "query": query}
    if "params" in case.request:
        names = used_params(new.request)
        params = {k: v for k, v in case.request["params"].items() if k in names}
        new.request.pop("params")
        if params:
            new.request["params"] = params
    if not isinstance(query, dict) or \
            query.get("order_by") != case.request["query"].get("order_by"):
        new.ordered = False
    return new


def shrink(case, verdict, judge):
    """The smallest case found in TRIES tries that disagrees in the same way."""
    end, tries = time.monotonic() + SECONDS, 0
    for key in ("expect", "as"):
        if key in case.request:
            new = copy.copy(case)
            new.request = {k: v for k, v in case.request.items() if k != key}
            if judge(new).what == "differs":
                case = new
    again = True
    while again:
        again = False
        for query in candidates(case.request["query"]):
            tries += 1
            if tries > TRIES or time.monotonic() > end:
                return case
            new = with_query(case, query)
            found = judge(new)
            if found.what == "differs" and found.why == verdict.why:
                case, again = new, True
                break
    return case
