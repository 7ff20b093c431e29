"""Texts as TOML."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billstream.consumer.trial.toml_value import array, quoted

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(TEXTS)
def test_toml_reads_a_quoted_text_as_it_was(text: str) -> None:
    assert tomllib.loads(f"text = {quoted(text)}\nafter = 1") == {"text": text, "after": 1}


@given(st.lists(TEXTS, max_size=5))
def test_toml_reads_an_array_as_it_was(texts: list[str]) -> None:
    assert tomllib.loads(f"texts = {array(texts)}") == {"texts": texts}


@given(TEXTS)
def test_a_quoted_text_is_one_line_that_a_terminal_shows_as_it_is(text: str) -> None:
    assert quoted(text).isprintable()


@pytest.mark.parametrize(
    "text", ['"\n[match]\nneeds = []', "\\", '"""', "\x1b[31m", "a\u2028b", "\x7f", "# no comment"]
)
def test_no_text_leaves_its_quotes(text: str) -> None:
    assert tomllib.loads(f"# {quoted(text)}\ntext = {quoted(text)}") == {"text": text}


def test_half_a_surrogate_pair_becomes_a_replacement() -> None:
    assert tomllib.loads(f"text = {quoted('a' + chr(0xD800))}") == {"text": "a\ufffd"}
