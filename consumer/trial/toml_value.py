"""Texts of strangers as TOML values, written by tomlkit."""

from collections.abc import Iterable

import tomlkit


def quoted(text: str) -> str:
    """Return a TOML string on one line that neither TOML nor a terminal takes for anything but text.

    Half a surrogate pair, which TOML cannot hold, becomes U+FFFD.
    """
    return _visible(tomlkit.string(text).as_string())


def array(texts: Iterable[str]) -> str:
    """Return a TOML array of strings on one line."""
    return _visible(tomlkit.item(list(texts)).as_string())


def _visible(toml: str) -> str:
    """Escape what a terminal may act on; tomlkit escapes only what TOML must not hold."""
    return "".join(char if char.isprintable() else _escaped(ord(char)) for char in toml)


def _escaped(code: int) -> str:
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - surrogates
        code = 0xFFFD
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"  # noqa: PLR2004 - four digits, or eight
