"""Where the quotes of a text stand, beside a parser that goes from byte to byte."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billstream.consumer.decode.typed import quotes
from billstream.consumer.decode.typed.quotes import Quotes, quotes_of

PIECES = (1, 2, 3, 7, 1000)


def judged(text: str) -> Quotes:
    """RFC 4180, one character after the other."""
    state, around = "start", False
    for character in text:
        if state == "quoted":
            around = around or character in "\r\n"
            state = "closing" if character == '"' else "quoted"
        elif character == '"':
            if state == "bare":
                return Quotes(any=True, sound=False)
            state = "quoted"  # a cell begins, or the second one of a pair
        elif state == "closing" and character not in ",\r\n":
            return Quotes(any=True, sound=False)
        else:
            state = "start" if character in ",\r\n" else "bare"
    return Quotes('"' in text, state != "quoted", around)


@given(st.text('"""ab,,\n\n\r', max_size=40))
@example('"x"')
@example('a,"b""c",d\n')
@example('a,"b\n"')
@example('""a""')
@example('"a\rb"')
@example('a"b')
@example('a,"b" ,c')
@example('"""')
def test_quotes_are_judged_alike_wherever_a_piece_ends(text: str) -> None:
    expected = judged(text)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder, "text")
        path.write_bytes(text.encode())
        for size in PIECES:
            patch.setattr(quotes, "_PIECE", size)
            found = quotes_of(path, ",")
            assert (found.any, found.sound) == (expected.any, expected.sound), size
            assert not found.sound or found == expected, size


def test_other_delimiters_and_line_ends_stand_beside_quotes_too(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b'"a;b";"c"\r\n"d\r\ne";f\r\n')
    assert quotes_of(path, ";") == Quotes(any=True, sound=True, around_lines=True)
    assert not quotes_of(path, ",").sound
