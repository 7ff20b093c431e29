"""Tags in every spelling of a bill read back as they were; a cell that is none is no map, and is never an error."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.consumer.decode.scan import load_macros

Map = dict[str, str]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        load_macros(connection)
        yield connection


def read(con: duckdb.DuckDBPyConnection, cells: list[str]) -> list[Any]:
    sql = "SELECT tags_of(c) FROM (SELECT unnest(?::VARCHAR[]) AS c, generate_subscripts(?, 1) AS i) ORDER BY i"
    return [row[0] for row in con.execute(sql, [cells, cells]).fetchall()]


def entries(name: str, value: str) -> Callable[[Map], str]:
    return lambda tags: json.dumps([{name: key, value: text} for key, text in tags.items()], ensure_ascii=False)


# Spellings that have quotes keep every text.
QUOTED: dict[str, Callable[[Map], str]] = {
    "object": json.dumps,
    "object, not in ASCII": lambda tags: json.dumps(tags, ensure_ascii=False),
    "indented": lambda tags: json.dumps(tags, indent=2),
    "in a string": lambda tags: json.dumps(json.dumps(tags)),
    "Azure": lambda tags: json.dumps(tags, ensure_ascii=False)[1:-1] or "{}",
    "Google": entries("key", "value"),
    "AWS": entries("Key", "Value"),
    "names": entries("name", "value"),
    "with more": lambda tags: json.dumps([{"inherited": False, "key": k, "value": v} for k, v in tags.items()]),
    "Python": repr,
    "list of Python": lambda tags: repr([{"key": key, "value": text} for key, text in tags.items()]),
}


def pairs(sign: str, separator: str) -> Callable[[Map], str]:
    return lambda tags: separator.join(f"{key}{sign}{text}" for key, text in tags.items())


# Those without quotes keep texts without their signs.
BARE: dict[str, Callable[[Map], str]] = {
    **{f"{sign} and {mark}": pairs(sign, mark) for sign in "=:" for mark in (";", "; ", ",", ", ", "|", " | ")},
    "ended": lambda tags: pairs("=", ";")(tags) + ";",
    "Alibaba": lambda tags: "; ".join(f"key:{key} value:{text}" for key, text in tags.items()),
    "Java": lambda tags: "{" + pairs("=", ", ")(tags) + "}",
    "texts": lambda tags: json.dumps([f"{key}:{text}" for key, text in tags.items()]),
}
# Python prints what is beyond U+FFFF and not printable with \U, which JSON does not have.
text = st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"], max_codepoint=0x1FFFF), max_size=12)
any_text = text.filter(lambda value: "\\U" not in repr(value) and "\0" not in value)
bare = st.text("abcXYZ019äß中😀._-/@+ ", max_size=12).map(str.strip)
tags_of_any_text = st.dictionaries(any_text, any_text, max_size=5)
tags_of_bare_text = st.dictionaries(bare.filter(bool), bare, min_size=1, max_size=5)


@given(tags=tags_of_any_text)
@settings(max_examples=25, deadline=None)
def test_any_map_is_read_back_from_a_spelling_with_quotes(con: duckdb.DuckDBPyConnection, tags: Map) -> None:
    cells = [spell(tags) for spell in QUOTED.values()]
    assert dict(zip(QUOTED, read(con, cells), strict=True)) == dict.fromkeys(QUOTED, tags)


@given(tags=tags_of_bare_text)
@settings(max_examples=25, deadline=None)
def test_any_map_of_plain_texts_is_read_back_from_a_list(con: duckdb.DuckDBPyConnection, tags: Map) -> None:
    cells = [spell(tags) for spell in BARE.values()]
    assert dict(zip(BARE, read(con, cells), strict=True)) == dict.fromkeys(BARE, tags)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('{"a": {"b": 1}, "c": [1, 2], "d": null, "e": true, "f": 7}',
         {"a": '{"b":1}', "c": "[1,2]", "d": None, "e": "true", "f": "7"}),
        ("{'a': {'b': 1}, 'c': [1, 'x'], 'd': None, 'e': True, 'f': 7, 'g': \"it's\"}",
         {"a": '{"b":1}', "c": '[1,"x"]', "d": None, "e": "true", "f": "7", "g": "it's"}),
        ('[{"key": "a", "value": null}, {"key": "b"}, {"key": "c", "value": 1}, {"key": "d", "value": [1]}]',
         {"a": None, "b": None, "c": "1", "d": "[1]"}),
        ("[]", {}),
        ("{}", {}),
        ("note=red, or blue", {"note": "red, or blue"}),
        ("at=10:30,11:45", {"at": "10:30,11:45"}),
        ("a=1;b=x,y=z", {"a": "1", "b": "x,y=z"}),
        ("key:team value:red;key:b value:x;y", {"team": "red", "b": "x;y"}),
        ("key:red;env:prod", {"key": "red", "env": "prod"}),
        ("app.kubernetes.io/name=web,tier=", {"app.kubernetes.io/name": "web", "tier": ""}),
        ('"team": "red","env": "prod",', {"team": "red", "env": "prod"}),
    ],
)  # fmt: skip
def test_what_a_spelling_means(con: duckdb.DuckDBPyConnection, cell: str, expected: dict[str, str | None]) -> None:
    assert read(con, [cell]) == [expected]


@pytest.mark.parametrize(
    "cell",
    [
        "red", "[1]", "[null]", '["a"]', '[{"key": "a"}, {"value": "b"}]', '[{"key": "a"}, 1]', "{red}", "{a=1, b}",
        "{'a': 1", "{'a': 'b}", "['a', 'b']", "{a={b=1, c=2}}", "a=1,a=2", "[" * 5000,
        '[{"key":"a","value":"1"},{"key":"a","value":"2"}]', "{'a': 1, 'a': 2}", "{\x01'a': 1}", "'", "{'", '["', '"',
        "{'\\N{DASH}': 1}", "{'a': b'x'}",
    ],
)  # fmt: skip
def test_what_is_no_map_is_none_and_no_error(con: duckdb.DuckDBPyConnection, cell: str) -> None:
    assert read(con, [cell]) == [None]


@given(cells=st.lists(st.text("{}[]\"'\\:=;,| abk\x01\n", max_size=40), min_size=20, max_size=40))
@settings(max_examples=25, deadline=None)
def test_no_text_is_an_error(con: duckdb.DuckDBPyConnection, cells: list[str]) -> None:
    assert len(read(con, cells)) == len(cells)


@pytest.mark.parametrize("many", [
    "{" + ", ".join(f"'k{i}': 'v'" for i in range(20_000)) + "}",
    "[" + ",".join(f'{{"key":"k{i}","value":"v"}}' for i in range(20_000)) + "]",
    ";".join(f"k{i}=v" for i in range(20_000)),
    "; ".join(f"key:k{i} value:v" for i in range(20_000)),
    "{" + ", ".join(f"k{i}=v" for i in range(20_000)) + "}",
])  # fmt: skip
def test_many_tags_are_read_in_one_pass(con: duckdb.DuckDBPyConnection, many: str) -> None:
    (found,) = read(con, [many])
    assert len(found) == 20_000
