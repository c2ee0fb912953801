# SPDX-License-Identifier: MIT
"""The house itself: the program's faces, the fixture's dialects, and that the
checkers of the sources do find what they look for."""
import os
import re
import shutil
import subprocess
import sys

import fixture
import pytest
from daemon import ROOT, program, run_program
from servers import MariaDB, Postgresql


def test_version_names_every_library():
    done = run_program("--version")
    assert done.returncode == 0
    for name in ("tribikosd", "postgresql", "mariadb", "sqlite", "hiredis", "libuv", "libmicrohttpd"):
        assert re.search(rf"^ *{name} +.*\d+\.\d+", done.stdout, re.M), (name, done.stdout)


def test_there_is_no_fault_injection_in_the_program():
    with open(program(), "rb") as f:
        assert b"TRIBIKOS_FAULTS" not in f.read()


def test_help_conf_has_every_key_of_the_sample():
    done = run_program("--help-conf")
    assert done.returncode == 0
    with open(os.path.join(ROOT, "conf", "tribikos.yaml"), encoding="utf-8") as f:
        lines = [line.strip() for line in f]
    keys = {line.split(":")[0] for line in lines if line and line[0] not in "#"} - {"main"}
    assert len(keys) > 40
    for key in keys:
        assert f"{key}:" in done.stdout, key


def test_help_errors_is_a_table():
    done = run_program("--help-errors")
    assert done.returncode == 0
    assert "| `unique_violation` | no |" in done.stdout


# ---- the fixture ----

def test_the_fixture_is_the_same_on_all_databases(postgresql, mariadb, sqlite):
    for table in fixture.tables():
        text = f"select count(*) from {table.name}"
        counts = {s.name: int(s.load(text, "fixture")) for s in (postgresql, mariadb, sqlite)}
        assert set(counts.values()) == {len(table.rows)}, (table.name, counts)


def test_fixture_tables_come_after_those_they_refer_to():
    seen = set()
    for table in fixture.tables():
        for _, target, _ in table.foreign:
            assert target in seen or target == table.name
        seen.add(table.name)
    assert len(seen) == 20


def test_inserts_without_id_work_everywhere(postgresql, mariadb, sqlite, copies):
    for server in (postgresql, mariadb, sqlite):
        name = copies(server)
        server.load("insert into tags (name) values ('new')", name)
        assert server.load("select max(id) from tags", name).strip() == "4"
        server.drop(name)


@pytest.mark.parametrize("kind", [Postgresql, MariaDB])
def test_servers_come_back_after_kill_and_pause(kind):
    with kind() as server:
        fixture.load(server, "fixture")
        server.kill()
        assert not server.running()
        server.start()
        server.pause()
        server.resume()
        assert server.load("select count(*) from users", "fixture").strip() == "6"
        folder = server.folder
    assert not os.path.exists(folder)


# ---- the checkers ----

@pytest.fixture
def tree(tmp_path):
    """A small project of its own with our tools in it; (write, run)."""
    shutil.copytree(os.path.join(ROOT, "tools"), tmp_path / "tools",
                    ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(os.path.join(ROOT, ".clang-format"), tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)

    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")

    def run(tool, *args):
        done = subprocess.run([sys.executable, str(tmp_path / "tools" / tool), *args],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              cwd=tmp_path, check=False)
        return done.returncode, done.stdout
    write("base/a.h", "/* SPDX-License-Identifier: MIT */\n")
    return write, run


HEAD = "/* SPDX-License-Identifier: MIT */\n"


@pytest.mark.parametrize("path,line,fault", [
    ("value/a.c", '#include "pool/p.h"', "value may not include pool"),
    ("value/a.c", '#include "a.h"', "not written from the root"),
    ("protocol/a.c", "#include <uv.h>", "<uv.h> is for backend, pool, daemon alone"),
    ("daemon/a.c", "#include <libpq-fe.h>", "<libpq-fe.h> is for backend alone"),
])
def test_check_deps_finds(tree, path, line, fault):
    write, run = tree
    write("pool/p.h", HEAD)
    write(path, HEAD + '#include "base/a.h"\n')
    assert run("check-deps")[0] == 0
    write(path, HEAD + line + "\n")
    code, text = run("check-deps")
    assert code == 1 and f"{path}:2: " in text and fault in text


def test_check_deps_wants_an_order_without_cycles(tree):
    write, run = tree
    write("tools/deps.txt", "base: pool\npool: base\n")
    code, text = run("check-deps")
    assert code == 1 and "would not be a DAG" in text


@pytest.mark.parametrize("code,symbol", [
    ("int counter = 1;", "counter"), ("static int counter; int f(void) { return counter++; }",
                                      "counter"),
    ("int f(void) { static int calls; return ++calls; }", "calls"),
    ("static _Thread_local int own; int *f(void) { return &own; }", "own"),
])
def test_check_globals_finds(tree, tmp_path, code, symbol):
    write, run = tree
    (tmp_path / "build" / "base" / "libbase.a.p").mkdir(parents=True)

    def compile_to_object(text):
        subprocess.run(["cc", "-x", "c", "-c", "-fPIC", "-", "-o",
                        str(tmp_path / "build/base/libbase.a.p/a.o")], input=text, text=True,
                       check=True)
    compile_to_object('static const char *const names[] = {"a", "b"};\n'
                      "const char *f(int i);\nconst char *f(int i) { return names[i]; }\n")
    assert run("check-globals", "build")[0] == 0
    compile_to_object(code)
    found, text = run("check-globals", "build")
    assert found == 1 and symbol in text


def test_check_globals_finds_a_name_in_two_folders(tree, tmp_path):
    _, run = tree
    for folder in ("base", "daemon"):
        (tmp_path / "build" / folder).mkdir(parents=True)
        subprocess.run(["cc", "-x", "c", "-c", "-", "-o", str(tmp_path / f"build/{folder}/a.o")],
                       input="int shared_name(void) { return 1; }\nstatic int own(void);\n"
                       "static int own(void) { return 2; }\nint (*" + folder +
                       "_fn(void))(void) { return own; }\n", text=True, check=True)
    code, text = run("check-globals", "build")
    assert code == 1 and "shared_name() is in build/base/a.o as well" in text
    assert "own()" not in text


@pytest.mark.parametrize("text,fault", [
    (HEAD + "int  f(void);\n", "make format"),
    ("int f(void);\n", "licence line"),
    (HEAD + "/* TO" + "DO later */\n", "a note to self"),
    (HEAD + "/* x */ \n", "blanks at the end"),
])
def test_check_format_finds(tree, text, fault):
    write, run = tree
    write("base/b.c", HEAD + "int f(void);\n")
    assert run("check-format")[0] == 0, run("check-format")[1]
    write("base/b.c", text)
    code, output = run("check-format")
    assert code == 1 and fault in output


def test_check_sizes_finds_long_functions_and_files(tree):
    write, run = tree
    body = "static int f(void)\n{\n" + "    g();\n" * 56 + "    return 0;\n}\n"
    write("base/b.c", HEAD + body)
    write("base/c.c", HEAD + "static int g(void)\n{\n    return 0;\n}\n" * 30)
    assert run("check-sizes")[0] == 0, run("check-sizes")[1]
    write("base/b.c", HEAD + body.replace("    return", "    g();\n    return"))
    code, text = run("check-sizes")
    assert code == 1 and "base/b.c:2: f has 61 lines" in text
    write("base/b.c", HEAD + "\n" * 800)
    write("base/a.h", HEAD + "\n" * 150)
    code, text = run("check-sizes")
    assert "base/b.c: 801 lines" in text and "base/a.h: 151 lines" in text


def test_check_headers_finds_one_that_leans_on_others(tree, tmp_path):
    write, run = tree
    (tmp_path / "build").mkdir()
    write("build/compile_commands.json",
          '[{"directory": "x", "command": "cc -std=c11 -Wall -Werror -c a.c", "file": "a.c"}]')
    write("base/b.h", HEAD + "#ifndef B\n#define B\nstruct b {\n    int x;\n};\n#endif\n")
    assert run("check-headers", "build")[0] == 0
    write("base/b.h", HEAD + "#ifndef B\n#define B\nsize_t b(void);\n#endif\n")
    code, text = run("check-headers", "build")
    assert code == 1 and "base/b.h: does not compile alone" in text


def test_install_deps_knows_its_targets():
    tool = os.path.join(ROOT, "tools", "install-deps")
    assert subprocess.run([tool, "nothing"], check=False, stderr=subprocess.DEVNULL
                          ).returncode == 2
    done = subprocess.run([tool, "build", "demo", "test"], check=False, text=True,
                          stdout=subprocess.PIPE)
    assert done.returncode == 0 and done.stdout == ""  # all is there, or we would not run
