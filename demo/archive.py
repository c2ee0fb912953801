# SPDX-License-Identifier: MIT
"""The Debian package archive as rows of four tables.

Read from `apt-cache dumpavail`; where apt knows no packages a small archive is
made up. Everything is held in memory: some 100 MiB in this process.
"""
import random
import re
import shutil
import subprocess

LINKS = ("Pre-Depends", "Depends", "Recommends", "Suggests")
ENTRY = re.compile(r"\s*([^\s(:]+)(?::\S+)?\s*(?:\(([^)]*)\))?")
PERSON = re.compile(r"\s*(.*?)\s*<([^>]*)>")


class Archive:
    """tables: name → list of rows (dicts), parents before children."""

    def __init__(self, source):
        self.source = source
        self.tables = {"sections": [], "maintainers": [], "packages": [], "dependencies": []}
        self._ids = {"sections": {}, "maintainers": {}}
        self._links = []

    def _id(self, table, key, row):
        known = self._ids[table]
        if key not in known:
            known[key] = len(known) + 1
            self.tables[table].append({"id": known[key], **row})
        return known[key]

    def add(self, fields):
        """One paragraph of the archive."""
        section = fields.get("Section", "unknown")
        person = PERSON.match(fields.get("Maintainer", ""))
        name, email = person.groups() if person else (fields.get("Maintainer", "unknown"), "")
        packages = self.tables["packages"]
        packages.append({
            "id": len(packages) + 1, "name": fields["Package"],
            "version": fields.get("Version", ""),
            "architecture": fields.get("Architecture", ""),
            "section_id": self._id("sections", section, {"name": section}),
            "maintainer_id": self._id("maintainers", (name, email),
                                      {"name": name, "email": email}),
            "priority": fields.get("Priority"),
            "essential": fields.get("Essential") == "yes",
            "download_bytes": int(fields.get("Size", 0)),
            "installed_kib": int(fields["Installed-Size"])
            if fields.get("Installed-Size", "").isdigit() else None,
            "summary": fields.get("Description"), "homepage": fields.get("Homepage")})
        for kind in LINKS:
            if kind in fields:
                self._links.append((len(packages), kind.lower(), fields[kind]))

    def finish(self):
        """Turns the links into rows, now that every package has its id."""
        by_name = {}
        for package in self.tables["packages"]:
            by_name.setdefault(package["name"], package["id"])
        rows = self.tables["dependencies"]
        for package, kind, text in self._links:
            for entry in text.split(","):
                first, _, others = entry.partition("|")
                found = ENTRY.match(first)
                if found:
                    target, version = found.groups()
                    rows.append({"id": len(rows) + 1, "package_id": package,
                                 "target_id": by_name.get(target), "target": target,
                                 "kind": kind, "version": version,
                                 "alternatives": others.strip() or None})
        self._links = []
        return self

    def count(self):
        return sum(len(rows) for rows in self.tables.values())


def paragraphs(lines):
    """Fields of each paragraph; continuation lines are not wanted by us."""
    fields = {}
    for line in lines:
        if line == "\n":
            if "Package" in fields:
                yield fields
            fields = {}
        elif line[0] not in " \t":
            key, _, value = line.partition(":")
            fields[key] = value.strip()
    if "Package" in fields:
        yield fields


def read_apt():
    """The archive that apt knows, or None."""
    if shutil.which("apt-cache") is None:
        return None
    archive = Archive("apt-cache dumpavail")
    with subprocess.Popen(["apt-cache", "dumpavail"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, start_new_session=True,
                          encoding="utf-8", errors="replace") as proc:
        for fields in paragraphs(proc.stdout):
            archive.add(fields)
    # A machine with empty lists still knows what is installed on it: too little.
    return archive.finish() if len(archive.tables["packages"]) >= 5000 else None


def make_up(count=3000):
    """An archive of its own shape, the same every time."""
    rng = random.Random(7)
    archive = Archive("made up on the spot")
    stems = ["lib", "python3-", "golang-", "node-", "fonts-", "ruby-"]
    words = ["proxy", "image", "audio", "json", "http", "cache", "font", "graph", "mail", "sql"]
    names = [f"{rng.choice(stems)}{rng.choice(words)}{i}" for i in range(count)]
    for i, name in enumerate(names):
        wanted = rng.sample(names[:max(1, i // 4 + 1)], min(i // 4 + 1, rng.randint(0, 8)))
        person = rng.randint(1, 60)
        archive.add({
            "Package": name, "Version": f"{rng.randint(0, 9)}.{rng.randint(0, 20)}-1",
            "Architecture": rng.choice(["all", "amd64"]),
            "Section": rng.choice(["libs", "python", "web", "fonts", "net", "games"]),
            "Maintainer": f"Maintainer {person} <m{person}@example.org>",
            "Priority": "optional", "Size": str(rng.randint(900, 90_000_000)),
            "Installed-Size": str(rng.randint(10, 400_000)),
            "Description": f"{rng.choice(words)} tools for {rng.choice(words)}",
            "Depends": ", ".join(f"{w} (>= {rng.randint(0, 3)}.0)" for w in wanted)
            or "libc6 | libc6.1"})
    return archive.finish()


def read_archive():
    return read_apt() or make_up()
