"""What a header's names and the lines above the header tell of every record: its currency, and other labelled texts."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billstream.common.errors import Poison
from billstream.consumer.profiles.currencies import currency_of
from billstream.consumer.profiles.model import Profile
from billstream.consumer.profiles.names import CURRENCY, Header, normalised

MAX_TEXT = 500  # characters of a text above the header
_LABELLED = re.compile(r"([^:=]{1,100})[:=](.*)", re.DOTALL)
_NOT_LOADED = "The file is not loaded, as a guess would count amounts in a wrong currency."


@dataclass(frozen=True)
class Told:
    """The value of a record whose own cell is empty; `strict` means that no cell may contradict it."""

    text: str
    strict: bool = False


def told_by_names(profile: Profile, names: Header, costs: frozenset[int]) -> dict[str, Told]:
    """Return, by column of `charges`, the currency that the name of a cost's column tells.

    Args:
        profile: its `of_name` says which names are asked.
        names: those of the header.
        costs: the positions of the cells that costs are made of; other columns tell nothing of these.
    """
    found = {}
    for column, source in profile.columns.items():
        position, code = names.currency(source.of_name) or (None, None)
        if position in costs and code is not None:
            # A code leaves no doubt; a sign such as $ may also be that of another dollar.
            found[column] = Told(code, strict=code in names.names[position or 0].upper())
    return found


def doubt_of_names(profile: Profile, names: Header, costs: frozenset[int]) -> str | None:
    """Return why the names of a header leave it open which column is meant, None when they do not."""
    for column, source in profile.columns.items():
        for asked in source.all_names:
            if rivals := names.rivals(asked):
                return (
                    f"{' and '.join(map(repr, rivals))} are columns of different currencies, and each may be {column}. "
                    f"{_NOT_LOADED} Name the right one in a profile of your own: "
                    f'extends = "{profile.name}", and {column} = "{rivals[0]}" in [columns].'
                )
    for column, source in profile.columns.items():
        plain = {names.position((name,)): name for name in source.sole if CURRENCY not in name and name in names}
        others = {names.position((name,)): name for name in source.sole if name in names}
        if len(found := plain or others) > 1:
            shown = " and ".join(repr(names.names[p]) for p in sorted(p for p in found if p is not None))
            return (
                f"{shown} may each be {column}. The file is not loaded, as a guess may count the wrong amounts. "
                f"Name the right one in a profile of your own: "
                f'extends = "{profile.name}", and {column} = "…" in [columns].'
            )
    told = {names.names[p]: code for p, code in _currencies(profile, names).items() if p in costs and code}
    if len(set(told.values())) > 1:
        costs_named = " and ".join(map(repr, told))
        return f"The costs {costs_named} are of different currencies, and a record has one. {_NOT_LOADED}"
    for column, source in profile.columns.items():
        position, code = names.currency(source.of_name) or (None, None)
        if position in costs and code is None and source.default and names.position(source.names) is None:
            return (
                f"{names.names[position or 0]!r} has the sign of several currencies. {_NOT_LOADED} "
                f"{_choose(profile, column)}"
            )
    return None


def _currencies(profile: Profile, names: Header) -> dict[int, str | None]:
    """Return the positions that `{currency}` in the profile's names has found, with their currencies."""
    asked = (some for source in profile.columns.values() for some in source.all_names)
    found = (names.currency(some) for some in asked if any(CURRENCY in name for name in some))
    return dict(filter(None, found))


def told_by_preamble(
    profile: Profile, preamble: Sequence[str], delimiter: str, by_name: Mapping[str, Told]
) -> dict[str, Told]:
    """Return, by column of `charges`, the text that stands beside one of its labels above the header.

    Args:
        profile: its `preamble` names the labels.
        preamble: the lines above the header.
        delimiter: that of the header.
        by_name: what the header's names tell.

    Raises:
        Poison: the lines name no currency beside such a label, or several, or another than the name of the cost.
    """
    found = {}
    for column, source in profile.columns.items():
        if not source.preamble or not (texts := beside(source.preamble, preamble, delimiter)):
            continue
        if not column.endswith("currency"):
            found[column] = Told(texts[0])
            continue
        codes = {currency_of(text) for text in texts}
        codes |= {by_name[column].text} if column in by_name and by_name[column].strict else set()
        code = codes.pop()
        if codes or code is None:
            raise Poison(
                f"The lines above the header tell {column} as {' and '.join(map(repr, dict.fromkeys(texts)))}, which "
                "is not one currency of ISO 4217, or not that of the cost's name. "
                f"{_NOT_LOADED} {_choose(profile, column)}"
            )
        found[column] = Told(code)
    return found


def beside(labels: Sequence[str], preamble: Sequence[str], delimiter: str) -> list[str]:
    """Return the texts beside the first of `labels` that these lines have, in the next cell or behind a colon."""
    rows = [_cells(line, delimiter) for line in preamble]
    for label in map(normalised, labels):
        found = []
        for line, cells in zip(preamble, rows, strict=True):
            for index, cell in enumerate(cells):
                behind = next((text for text in cells[index + 1 :] if text), "")
                if normalised(cell.rstrip(":= ")) == label and behind:
                    found.append(behind[:MAX_TEXT])
                    break
            else:
                # `Currency: USD`, in a cell of its own or as the whole line.
                for text in (*cells, line):
                    parts = _LABELLED.fullmatch(text)
                    if parts and normalised(parts[1].strip(' "')) == label and parts[2].strip(' ",;'):
                        found.append(parts[2].strip(' ",;')[:MAX_TEXT])
                        break
        if found:
            return found
    return []


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader(io.StringIO(line), delimiter=delimiter), [])]
    except csv.Error:
        return []


def _choose(profile: Profile, column: str) -> str:
    choice = f'extends = "{profile.name}", and {column} = {{ constant = "…" }} in [columns]'
    return f"Choose it in a profile of your own: {choice}."
