"""Make the text of others safe to show: file names, users and services may contain any character."""

import re
import unicodedata

LONGEST = 80
NOT_NAMED = "(not named)"
EMPTY = "(empty)"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
CONTROL_PICTURES = 0x2400

_UNSEEN = {"Cc", "Cs", "Co", "Zl", "Zp"}
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>|~&#$@!]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def visible(text: str | None) -> str:
    """Return `text` on one line; control and direction characters are replaced by visible signs."""
    if text is None:
        return NOT_NAMED
    return "".join(_seen(character) for character in text) if text.strip() else EMPTY


def shorten(text: str) -> str:
    """Return at most 80 characters; of a longer text, its beginning and its end."""
    half = LONGEST // 2 - 1
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[-half:]}"


def markdown(text: str) -> str:
    """Return `text` escaped so that Markdown shows it unchanged, also in a table: no markup, no HTML, no link."""
    return _MARKDOWN.sub(lambda match: f"\\{match[0]}", "".join(_seen(character) for character in text))


def _seen(character: str) -> str:
    if ord(character) < ord(" "):
        return chr(CONTROL_PICTURES + ord(character))
    if unicodedata.category(character) in _UNSEEN or _DIRECTIONS.match(character):
        return REPLACEMENT
    return character
