"""Texts as TOML, whatever is in them."""

from collections.abc import Iterable

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def quoted(text: str) -> str:
    """A basic string: one line, that neither TOML nor a terminal takes for anything but a text.

    Half a surrogate pair, which TOML cannot say, becomes U+FFFD.
    """
    return f'"{"".join(map(_escaped, text))}"'


def array(texts: Iterable[str]) -> str:
    """An array of strings, on one line."""
    return f"[{', '.join(map(quoted, texts))}]"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - surrogates
        code = 0xFFFD
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"  # noqa: PLR2004 - four digits, or eight
