# SPDX-License-Identifier: MIT
"""Functions and casts where they are used: in writes, conditions and cached plans."""
import pytest


@pytest.fixture
def c(fresh_db):
    with fresh_db.client() as client:
        yield client


def code(reply):
    return reply.get("error", {}).get("code")


# What strict mode makes an error in a write is only a warning in a read: both must fail.
BAD = [
    (["sqrt", ["-", "balance", 1000]], "out_of_range"),
    (["ln", ["-", "balance", "balance"]], "out_of_range"),
    (["power", "balance", 400], "out_of_range"),
    (["//", "balance", ["-", "balance", "balance"]], "division_by_zero"),
    (["<<", "balance", ["+", "balance", 0]], "out_of_range"),
    (["length", ["substr", ["cast", "balance", "text"], ["-", "id", 5]]], "out_of_range"),
    (["length", ["repeat", {"value": "ab"}, ["*", "balance", 4000000]]], "too_long"),
    (["cast", ["||", {"value": "x"}, "balance"], "integer"], "bad_value"),
    (["cast", ["*", "balance", 1000], "smallint"], "out_of_range"),
    (["length", ["cast", ["cast", "balance", "text"], "varchar(2)"]], "too_long"),
    (["cast", ["cast", ["||", {"value": "2023-02-"}, ["+", "id", 29]], "date"], "text"],
     "bad_value"),
]


@pytest.mark.parametrize("expression, want", BAD)
def test_a_read_fails(client, expression, want):
    query = {"select": [{"v": expression}], "from": "accounts", "order_by": ["id"]}
    assert code(client.ask({"query": query})) == want


@pytest.mark.parametrize("expression, want", [e for e in BAD if e[0][0] != "cast"] + [
    (["length", ["cast", e[0], "text"]], e[1]) for e in BAD if e[0][0] == "cast"])
def test_a_write_fails_and_changes_nothing(c, expression, want):
    value = ["cast", expression, "integer"]
    assert code(c.ask({"query": {"update": "accounts", "set": {"balance": value},
                                 "where": True}})) == want
    assert c.rows({"select": ["balance"], "from": "accounts"}) == [[500], [500]]


def test_null_in_null_out(client):
    """Columns of an outer join that found nothing."""
    null = "d.name"
    calls = [["lpad", null, 3], ["trim", null, {"value": "x"}], ["reverse", null],
             ["md5", null], ["hex", null], ["split_part", null, {"value": ","}, 1],
             ["position", {"value": "x"}, null], ["regexp", null, {"value": "x"}],
             ["regexp_replace", null, {"value": "x"}, {"value": "y"}],
             ["cast", null, "integer"], ["try_cast", null, "date"],
             ["cast", null, "varchar(3)"], ["sqrt", "d.id"], ["abs", "d.id"],
             ["round", "d.id", -1], ["<<", "d.id", 1], [">>", 8, "d.id"],
             ["substr", {"value": "abc"}, "d.id"], ["cast", "d.id", "smallint"],
             ["cast", "d.id", "text"], ["||", {"value": "x"}, "d.id"]]
    query = {"select": [{f"c{i}": x} for i, x in enumerate(calls)], "from": {"e": "employees"},
             "join": [{"left": {"d": "departments"}, "on": ["=", "d.id", ["-", "e.id"]]}],
             "where": ["=", "e.id", 1]}
    assert client.rows(query) == [[None] * len(calls)]


def test_digits_of_round_are_part_of_the_plan(client):
    def rounded(value, digits):
        query = {"select": [{"v": ["round", ["+", "salary", value], digits]}],
                 "from": "employees", "where": ["=", "id", 1]}
        plan = client.ask({"op": "compile", "query": query})["plan"]
        return plan, client.ask({"query": query, "expect": "scalar"})["value"]
    assert rounded(0.125, 2)[1] == "60000.13"
    assert rounded(0.375, 2) == ("hit", "60000.38")
    assert rounded(0.375, 1)[1] == "60000.4"
    assert rounded(0.375, -3)[1] == "60000"


def test_values_share_a_plan(client):
    def part(n, text="a,b"):
        query = {"select": [{"v": ["split_part", {"value": text}, {"value": ","}, n]}]}
        plan = client.ask({"op": "compile", "query": query}).get("plan")
        reply = client.ask({"query": query, "expect": "scalar"})
        return plan, reply.get("value"), code(reply)
    assert part(1)[1] == "a"
    assert part(2) == ("hit", "b", None)
    assert part(0)[2] == "out_of_range"
    assert part(2, "é,😀,") == ("hit", "😀", None)


def test_random_values_differ_by_row(client):
    for name in ("uuid4", "uuid7"):
        values = client.query({"select": [[name]], "from": "users"}, expect="scalars")["values"]
        assert len(set(values)) == 6
        assert {v[14] for v in values} == {name[-1]} and {v[19] for v in values} <= set("89ab")


def test_a_pattern_from_a_column(client):
    rows = client.rows({"select": ["name"], "from": "users", "where": [
        "regexp", "email", ["||", {"value": "^"}, ["lower", "name"], {"value": "@"}]],
        "order_by": ["id"]})
    assert [r[0] for r in rows] == ["Ahmad", "Ali", "Alice", "Bob", "John"]


def test_bytewise_comparison(client):
    upper = client.rows({"select": ["name"], "from": "users", "order_by": ["name"], "where": [
        "=", ["collate", ["upper", "name"], "binary"], ["collate", "name", "binary"]]})
    assert upper == []


@pytest.mark.parametrize("order, names", [
    ([{"asc": "name", "collate": "binary"}], ["Ahmad", "Ali", "Alice", "Bob", "Charlie", "John"]),
    ([{"desc": ["lower", "name"], "collate": "binary", "nulls": "first"}],
     ["John", "Charlie", "Bob", "Alice", "Ali", "Ahmad"])])
def test_bytewise_order(client, order, names):
    rows = client.rows({"select": ["name"], "from": "users", "order_by": order})
    assert [r[0] for r in rows] == names


def test_a_collation_of_the_database(db, client):
    name = {"sqlite": "NOCASE", "postgresql": "ucs_basic", "mariadb": "utf8mb4_unicode_ci"}
    reply = client.ask({"query": {"select": ["name"], "from": "users", "order_by": [
        {"asc": "name", "collate": name[db.kind]}], "limit": 1}})
    assert reply["rows"] == [["Ahmad"]]
    other = client.ask({"query": {"select": ["name"], "from": "users", "order_by": [
        {"asc": "name", "collate": "latin1_swedish_ci"}]}})
    assert code(other) == "unsupported_feature"
    assert other["error"]["path"] == "/query/order_by/0/collate"
