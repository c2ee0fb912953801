# SPDX-License-Identifier: MIT
"""Hostile and broken lines: each gets the error, or the close, that the protocol
names, and where the connection lives its next request is answered."""
import json
import struct
import time

import pytest
from client import Closed

FRAME = 16 << 20
PING = b'{"op":"ping"}\n'


def deep(depth, opening=b"[", closing=b"]"):
    return b'{"query":' + opening * depth + closing * depth + b"}"


# line, code, error.offset (None: not looked at). All are answered with id null.
LINES = {
    "bad UTF-8: a lone byte": (b'{"op":"\xff"}', "bad_utf8", 7),
    "bad UTF-8: a lone continuation": (b'{"op":"\x80"}', "bad_utf8", 7),
    "bad UTF-8: cut short": (b'{"op":"\xe2\x82"}', "bad_utf8", 7),
    "bad UTF-8: too long a form": (b'{"op":"\xc0\xaf"}', "bad_utf8", 7),
    "bad UTF-8: a surrogate": (b'{"op":"\xed\xa0\x80"}', "bad_utf8", 7),
    "bad UTF-8: beyond U+10FFFF": (b'{"op":"\xf4\x90\x80\x80"}', "bad_utf8", 7),
    "bad UTF-8 in a key": (b'{"\xff":1}', "bad_utf8", 2),
    "a lone high surrogate": (rb'{"op":"\ud800"}', {"bad_json", "bad_utf8"}, None),
    "a lone low surrogate": (rb'{"op":"\udc00"}', {"bad_json", "bad_utf8"}, None),
    "surrogates in the wrong order": (rb'{"op":"\udc00\ud800"}', {"bad_json", "bad_utf8"}, None),
    "a high surrogate and a letter": (rb'{"op":"\ud800x"}', {"bad_json", "bad_utf8"}, None),
    "depth 10,000 of arrays": (deep(10000), "too_deep", None),
    "depth 10,000 of objects": (b'{"a":' * 10000 + b"1" + b"}" * 10000, "too_deep", None),
    "depth 10,000 never closed": (b'{"query":' + b"[" * 10000, "too_deep", None),
    "depth 33": (deep(32), "too_deep", 9 + 31),
    "a duplicate key": (b'{"op":"ping","op":"ping"}', "duplicate_key", 13),
    "a duplicate key, escaped": (rb'{"op":"ping","\u006fp":"ping"}', "duplicate_key", 13),
    "a duplicate key inside": (b'{"query":{"select":[1],"select":[1]}}', "duplicate_key", 23),
    "a duplicate key in data": (b'{"params":{"rows":[{"a":1,"a":2}]}}', "duplicate_key", 26),
    "a NUL byte": (b'{"op":"pi\0ng"}', "bad_json", 9),
    "a NUL byte between": (b'{"op":\0"ping"}', "bad_json", 6),
    "a control character": (b'{"op":"a\tb"}', "bad_json", 8),
    "a BOM": (b'\xef\xbb\xbf{"op":"ping"}', "bad_json", 0),
    "truncated after the brace": (b"{", "bad_json", 1),
    "truncated in a string": (b'{"op":"pin', "bad_json", None),
    "truncated in an escape": (b'{"op":"\\', "bad_json", None),
    "truncated in a number": (b'{"id":-', "bad_json", None),
    "truncated in a literal": (b'{"id":nul', "bad_json", None),
    "truncated before the brace": (b'{"op":"ping"', "bad_json", 12),
    "two objects on a line": (b'{"op":"ping"}{"op":"ping"}', "bad_json", 13),
    "an object and a word": (b'{"op":"ping"} ok', "bad_json", 14),
    "an empty line": (b"", "bad_json", 0),
    "an empty line with CR": (b"\r", "bad_json", 0),
    "only spaces": (b"   ", "bad_json", None),
    "binary": (bytes(b for b in range(256) if b != 10), {"bad_json", "bad_utf8"}, None),
    "a protocol of another kind": (struct.pack(">II", 8, 80877103), {"bad_json", "bad_utf8"}, None),
    "an array": (b"[]", "bad_json", 0),
    "a string": (b'"ping"', "bad_json", 0),
    "a number": (b"1", "bad_json", 0),
    "null": (b"null", "bad_json", 0),
    "single quotes": (b"{'op':'ping'}", "bad_json", 1),
    "a trailing comma": (b'{"op":"ping",}', "bad_json", 13),
    "a comment": (b'{"op":"ping"/**/}', "bad_json", 12),
    "NaN": (b'{"id":NaN}', "bad_json", 6),
    "a number with a leading zero": (b'{"id":01}', "bad_json", 7),
    "a number with a plus": (b'{"id":+1}', "bad_json", 6),
    "a number that ends in a point": (b'{"id":1.}', "bad_json", None),
    "hexadecimal": (b'{"id":0x1F}', "bad_json", 7),
    "an unknown escape": (rb'{"op":"\x41"}', "bad_json", None),
    "a form feed as space": (b'{"op":\x0c"ping"}', "bad_json", 6),
    "a no-break space": ('{"op":\u00a0"ping"}'.encode(), "bad_json", 6),
}


@pytest.mark.parametrize("name", LINES)
def test_line(client, name):
    line, code, offset = LINES[name]
    assert client.ask({"op": "ping"}) == {"ok": True}  # the first byte of all is {
    client.send_raw(line + b"\n" + PING)
    reply = client.recv()
    assert list(reply) == ["id", "error"] and reply["id"] is None
    error = reply["error"]
    assert error["code"] in (code if isinstance(code, set) else {code}), error
    assert error["class"] == "protocol" and error["retry"] is False
    assert isinstance(error["offset"], int)
    if offset is not None:
        assert error["offset"] == offset, error
    assert client.recv() == {"ok": True}


def test_every_line_in_one_packet(client):
    """Nothing of one line spills into the next."""
    everything = b"".join(line + b"\n" + PING for line, _, _ in LINES.values())
    client.send_raw(PING + everything)
    assert client.recv() == {"ok": True}
    for name in LINES:
        assert client.recv()["id"] is None, name
        assert client.recv() == {"ok": True}, name


def test_byte_by_byte(client):
    for byte in PING + b'{"op":"\xff"}\n' + PING:
        client.send_raw(bytes([byte]))
    assert client.recv() == {"ok": True}
    assert client.recv()["error"]["code"] == "bad_utf8"
    assert client.recv() == {"ok": True}


# ---- well-formed but monstrous ----

@pytest.mark.parametrize("number, codes", [
    ("1" * 400, {"out_of_range"}), ("-" + "9" * 5000, {"out_of_range"}),
    ("1e400", {"out_of_range", "type_mismatch", "bad_value"}),
    ("1e999999999999", {"out_of_range", "type_mismatch", "bad_value"}),
    ("-1E-999999999999", {"out_of_range", "type_mismatch", "bad_value"}),
    ("9223372036854775808", {"out_of_range"})],
    ids=lambda v: v[:20] if isinstance(v, str) else "")
def test_huge_numbers_as_data(client, number, codes):
    client.send_raw(b'{"query":{"insert":"accounts","rows":":r"},"params":{"r":[{"id":1000,'
                    b'"balance":' + number.encode() + b"}]}}\n")
    assert client.recv()["error"]["code"] in codes
    assert client.ask({"op": "ping"}) == {"ok": True}


def test_huge_numbers_in_code(client):
    for number in ("1" * 400, "1e400", "1e999999999999"):
        client.send_raw(b'{"query":{"select":["id"],"from":"users","where":["=","age",'
                        + number.encode() + b"]}}\n" + PING)
        reply = client.recv()
        assert "error" in reply or reply["rows"] == []
        assert client.recv() == {"ok": True}


def test_a_nul_in_a_text_is_refused(client):
    """PostgreSQL has none, and SQLite's LIKE ends at it."""
    for op in ("=", "like", "contains"):
        query = {"select": ["id"], "from": "users", "where": [op, "name", ":n"]}
        error = client.fails({"query": query, "params": {"n": "a\0b"}}, "bad_value")
        assert error["path"] == "/params/n"
    assert client.ask({"op": "ping"}) == {"ok": True}


def test_a_nul_in_a_name_is_an_unknown_name(client):
    for name in ("users\0", "\0", "us\0ers"):
        client.fails({"query": {"select": "*", "from": name}}, "unknown_table")
    client.fails({"query": {"select": ["id\0"], "from": "users"}}, "unknown_column")


def test_a_string_of_the_frame_limit_less_64_bytes(client):
    """As a value of no use, as an id that comes back whole, as a param."""
    text = "x" * (FRAME - 64)
    client.send({"op": "ping", "x": text})
    assert client.recv(60)["error"]["code"] == "unknown_key"
    client.send({"op": "ping", "id": text})
    reply = client.recv(60)
    assert reply == {"id": text, "ok": True} or reply["error"]["class"] == "protocol"
    assert client.ask({"op": "ping"}) == {"ok": True}


def test_a_long_param_is_data(client):
    text = "x" * (FRAME - 256)
    client.send({"query": {"select": ["id"], "from": "users", "where": ["=", "bio", ":b"]},
                 "params": {"b": text}})
    reply = client.recv(60)
    assert reply.get("rows") == [] or reply["error"]["code"] in (
        "request_too_large", "data_error", "too_long"), reply
    assert client.ask({"op": "ping"}) == {"ok": True}


def test_a_line_of_just_the_limit_is_read_and_one_more_byte_is_not(make_db):
    db = make_db(conf={"limits": {"frame": "64KiB"}})
    for extra, code in ((0, "unknown_key"), (1, "line_too_long")):
        with db.client() as c:
            line = b'{"op":"ping","x":"' + b"y" * (65536 - 20 + extra) + b'"}'
            assert len(line) == 65536 + extra
            c.send_raw(line + b"\n")
            assert c.recv()["error"]["code"] == code
            if code == "line_too_long":
                assert c.at_end(10) == b""
            else:
                assert c.ask({"op": "ping"}) == {"ok": True}


def test_a_line_that_never_ends_is_closed(make_db):
    """The error is readable although we were still sending."""
    db = make_db(conf={"limits": {"frame": "64KiB"}})
    with db.client() as c:
        c.send_raw(PING)
        assert c.recv() == {"ok": True}
        c.send_raw(b'{"a":"' + b"x" * 300_000)
        reply = c.recv()
        assert reply["id"] is None and reply["error"]["code"] == "line_too_long"
        assert c.at_end(10) == b""
    assert db.ask({"op": "ping"}) == {"ok": True}


def test_half_a_million_small_nodes(client):
    """The tree of a hostile line is bounded, whatever its shape."""
    client.send_raw(b'{"query":{"select":[' + b"0," * 4_000_000 + b"0]}}\n")
    assert client.recv(60)["error"]["class"] in ("protocol", "overload", "compile")
    client.send_raw(b'{"params":{' + b",".join(b'"%d":0' % i for i in range(400_000)) + b"}}\n")
    assert client.recv(60)["error"]["class"] in ("protocol", "overload", "compile")
    assert client.ask({"op": "ping"}) == {"ok": True}


def test_keys_made_to_collide_cost_no_more(client):
    keys = [f'"{a}{b}{c}"' for a in ("Aa", "BB") for b in ("AaAa", "BBBB", "AaBB", "BBAa")
            for c in range(5000)]
    began = time.monotonic()
    client.send_raw(b'{"params":{' + b",".join(k.encode() + b":1" for k in keys) + b"}}\n")
    assert "error" in client.recv()
    assert time.monotonic() - began < 10


# ---- what is closed at once ----

FOREIGN = {
    "HTTP GET": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "HTTP POST": b'POST / HTTP/1.1\r\nContent-Length: 13\r\n\r\n{"op":"ping"}\n',
    "a BOM first of all": b'\xef\xbb\xbf{"op":"ping"}\n',
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a PostgreSQL startup": struct.pack(">II", 8, 80877103),
    "a NUL first of all": b'\0{"op":"ping"}\n',
    "a space first of all": b' {"op":"ping"}\n',
    "an empty line first of all": b'\n{"op":"ping"}\n',
    "an array first of all": b"[]\n",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreigners_are_closed_without_a_word(client, name):
    client.send_raw(FOREIGN[name])
    assert client.at_end(10) == b""


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH",
                                    "CONNECT", "TRACE"])
def test_an_http_line_later_closes_too(client, method):
    client.send_raw(PING + f"{method} / HTTP/1.1\r\nHost: x\r\n\r\n".encode() + PING)
    got = client.at_end(10)
    assert got in (b"", b'{"ok":true}\n')


# ---- the reply to nonsense in the query ----

NONSENSE = [None, True, 1, 1.5, "users", [], [[]], {}, {"select": {}}, {"select": []},
            {"select": None, "from": "users"}, {"select": "id", "from": "users"},
            {"select": ["id"], "from": []}, {"select": ["id"], "from": {}},
            {"select": [["id"]], "from": "users"}, {"select": [[]], "from": "users"},
            {"select": [[["="]]], "from": "users"}, {"select": [{}], "from": "users"},
            {"select": ["id"], "from": "users", "where": []},
            {"select": ["id"], "from": "users", "where": "id"},
            {"select": ["id"], "from": "users", "where": {"id": 1}},
            {"select": ["id"], "from": "users", "where": ["and"]},
            {"select": ["id"], "from": "users", "where": ["=", "id"]},
            {"select": ["id"], "from": "users", "where": ["=", "id", 1, 2]},
            {"select": ["id"], "from": "users", "where": ["=", "id", {"id": 1}]},
            {"select": ["id"], "from": "users", "where": ["; drop table users", "id", 1]},
            {"select": ["id"], "from": "users", "limit": "1; drop table users"},
            {"select": ["id"], "from": "users", "limit": -1},
            {"select": ["id"], "from": "users", "limit": 1.5},
            {"select": ["id"], "from": "users", "order_by": ["id desc"]},
            {"select": ["id"], "from": "users", "order_by": [1]},
            {"select": ["id"], "from": "users", "group_by": [1]},
            {"select": ["id"], "from": "users; drop table users"},
            {"select": ["id) from users --"], "from": "users"},
            {"select": ["id"], "from": "users", "joins": []},
            {"select": ["id"], "from": "users", "insert": "users"},
            {"update": "users", "set": {"name": "x"}}, {"delete": "users"},
            {"delete": "users", "where": []}, {"insert": "users"},
            {"insert": "users", "rows": [[]]}, {"insert": "users", "rows": [1]}]


@pytest.mark.parametrize("query", NONSENSE, ids=json.dumps)
def test_nonsense_is_an_error_with_its_place(client, query):
    error = client.ask({"id": 1, "query": query})["error"]
    assert error["class"] in ("protocol", "compile", "data", "unsupported"), error
    assert error["path"].startswith("/query"), error
    assert error["message"]
    assert client.query({"select": [["count", "*"]], "from": "users"})["rows"] == [[6]]


def test_objects_where_scalars_belong(client):
    """An object as a value never becomes a condition of its own."""
    query = {"select": ["id"], "from": "users", "where": ["=", "name", ":n"]}
    for value in ({"value": "Bob"}, {"!=": ""}, [], ["Bob"], [[1]], True, 1):
        error = client.fails({"query": query, "params": {"n": value}})
        assert error["class"] in ("data", "compile"), error
        assert error["path"].startswith(("/params/n", "/query/where/2")), error


def test_the_connection_is_not_left_open_for_foreign_bytes(db):
    with db.client() as c:
        c.send_raw(b"P")
        with pytest.raises(Closed):
            c.recv(10)
