# SPDX-License-Identifier: MIT
"""The queries that the demo shows, each with a word about what it is."""
import json
import time

STOPS = [
    ("How many packages?", {"query": {"select": "*", "from": "packages"}, "expect": "count"}),
    ("One of them, as an object.", {
        "query": {"select": ["name", "version", "download_bytes", "essential", "summary"],
                  "from": "packages", "where": ["=", "name", ":name"]},
        "params": {"name": "dpkg"}, "as": "objects", "expect": "first"}),
    ("Who maintains most? A join without `on` takes the foreign key.", {
        "query": {"select": ["maintainers.name", {"packages": ["count", "*"]}],
                  "from": "packages", "join": [{"inner": "maintainers"}],
                  "group_by": ["maintainers.id", "maintainers.name"],
                  "order_by": [{"desc": "packages"}, "maintainers.name"], "limit": 5}}),
    ("The largest downloads, with their sections.", {
        "query": {"select": ["packages.name", {"section": "sections.name"},
                             {"mib": ["//", "download_bytes", 1048576]}],
                  "from": "packages", "join": [{"inner": "sections"}],
                  "order_by": [{"desc": "download_bytes"}], "limit": 5}}),
    ("What do others depend on most?", {
        "query": {"select": ["packages.name", {"wanted_by": ["count", "*"]}],
                  "from": "dependencies",
                  "join": [{"inner": "packages", "on": ["=", "target_id", "packages.id"]}],
                  "where": ["in", "kind", [{"value": "depends"}, {"value": "pre-depends"}]],
                  "group_by": ["packages.id", "packages.name"],
                  "order_by": [{"desc": "wanted_by"}], "limit": 5}}),
    ("A table joined to itself: pairs that depend on each other.", {
        "query": {"select": [{"one": "a.name"}, {"other": "b.name"}],
                  "from": {"there": "dependencies"},
                  "join": [{"inner": {"back": "dependencies"}, "on": [
                      "and", ["=", "back.package_id", "there.target_id"],
                      ["=", "back.target_id", "there.package_id"]]},
                      {"inner": {"a": "packages"}, "on": ["=", "a.id", "there.package_id"]},
                      {"inner": {"b": "packages"}, "on": ["=", "b.id", "back.package_id"]}],
                  "where": ["and", ["<", "there.package_id", "there.target_id"],
                            ["=", "there.kind", ":kind"], ["=", "back.kind", ":kind"]],
                  "order_by": ["a.name", "b.name"], "limit": 5},
        "params": {"kind": "depends"}}),
    ("Exists: libraries that no package here asks for.", {
        "query": {"select": ["name", "installed_kib"], "from": "packages", "where": [
            "and", ["startswith", "name", ":lib"], ["not", ["exists", {
                "select": [1], "from": "dependencies",
                "where": ["=", "dependencies.target_id", "packages.id"]}]]],
            "order_by": [{"desc": "installed_kib", "nulls": "last"}], "limit": 5},
        "params": {"lib": "lib"}}),
    ("A subquery in `from`: how many dependencies has a package?", {
        "query": {"select": [{"most": ["max", "t.n"]}, {"mean": ["avg", "t.n"]}],
                  "from": {"t": {"select": [{"n": ["count", "*"]}], "from": "dependencies",
                                 "group_by": ["package_id"]}}}}),
    ("Like, in columns: what has to do with proxies?", {
        "query": {"select": ["name", "summary"], "from": "packages",
                  "where": ["ilike", "summary", {"value": "%proxy%"}],
                  "order_by": ["name"], "limit": 4}, "as": "columns"}),
    ("Groups with a condition: sections over 2 GiB, by size.", {
        "query": {"select": ["sections.name", {"packages": ["count", "*"]},
                             {"bytes": ["sum", "download_bytes"]}],
                  "from": "packages", "join": [{"inner": "sections"}],
                  "group_by": ["sections.name"],
                  "having": [">", ["sum", "download_bytes"], 2147483648],
                  "order_by": [{"desc": "bytes"}], "limit": 5}}),
    ("What SQL is that? `compile` shows it and runs nothing.", {
        "op": "compile", "query": {
            "select": ["name"], "from": "packages",
            "where": ["between", "installed_kib", 1000, ":high"], "limit": 3}}),
    ("A slip of the pen never reaches the database.", {
        "query": {"select": ["nmae"], "from": "packages"}}),
]


def shorten(text, width):
    return text if len(text) <= width else text[:width - 2] + " …"


def show(link, width, out):
    """Runs the tour; returns how many answers were errors that should not be."""
    wrong = 0
    for number, (title, request) in enumerate(STOPS, 1):
        out.write(f"\n{number:2}. {title}\n")
        out.write("    → " + json.dumps(request, ensure_ascii=False) + "\n")
        began = time.perf_counter()
        reply = link.ask(request)
        ms = (time.perf_counter() - began) * 1000
        wrong += ("error" in reply) != (number == len(STOPS))
        for line in lines_of(reply):
            out.write("    ← " + shorten(line, width - 6) + "\n")
        out.write(f"      {ms:.1f} ms\n")
        out.flush()
    return wrong


def lines_of(reply):
    """The answer, one row a line where it has rows."""
    if "rows" not in reply or "error" in reply:
        return [json.dumps(reply, ensure_ascii=False)]
    rows = [json.dumps(row, ensure_ascii=False) for row in reply["rows"]]
    head = ", ".join(map(str, reply.get("columns", [])))
    return ([f"[{head}]"] if head else []) + rows
