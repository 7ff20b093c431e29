"""The words of a profile about records: which lines of a file are charges, and what a summary line may look like."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from billstream.consumer.profiles.currencies import currency_of, sign_in
from billstream.consumer.profiles.names import CURRENCY, Header, normalised

ANY = "*"
"""Stands for any text at the beginning or the end of a text to compare with; alone, for any cell that has a value."""


_BRACKETS = re.compile(r"\s*\(([^()]*)\)\s*$")
_CODE = re.compile(r"[A-Z]{3}")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _listed(given: object) -> object:
    """Return the list that one text is short for."""
    return [given] if isinstance(given, str) else given


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Condition(_Strict):
    """A cell of a record, and the texts of which it must have one."""

    names: Texts = Field(alias="from", min_length=1, description="Header names; the first that the header has.")
    texts: Texts = Field(
        alias="is",
        min_length=1,
        description="Texts, in any case; * at the beginning or the end is any text, an empty text is the empty cell.",
    )

    @field_validator("texts")
    @classmethod
    def _star_at_an_end(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for text in given:
            if ANY in text[1:-1]:
                raise ValueError(f"{text!r}: * stands at the beginning or the end of a text")
        return given


class Records(_Strict):
    """The records of a file that are charges."""

    only: tuple[Condition, ...] = Field((), description="A record is a charge only if all of these hold.")
    leave_out: tuple[Condition, ...] = Field((), description="A record for which one of these holds is left out.")
    short_rows: Literal["reject", "pad"] = Field(
        "reject", description="A record that lacks trailing cells is rejected, or gets empty ones."
    )
    undated: Literal["reject", "first", "last"] = Field(
        "reject", description="A record without a time is rejected, or has that of the file's first or last charge."
    )
    totals: Literal["refuse", "keep"] = Field(
        "refuse", description="A file with a record that looks like a total is refused, or such records are charges."
    )

    @property
    def filters(self) -> bool:
        """True if some records are left out."""
        return bool(self.only or self.leave_out)


class Unpivot(_Strict):
    """A table with a column for each service, say: each cell of such a column becomes a record of its own."""

    keep: Texts = Field(min_length=1, description="Header names of the columns that stay; all others become records.")
    name: str = Field(min_length=1, description="The name under which [columns] finds the name of the cell's column.")
    value: str = Field(min_length=1, description="The name under which [columns] finds the cell.")

    @model_validator(mode="after")
    def _names_differ(self) -> "Unpivot":
        kept = {normalised(name) for name in self.keep}
        if normalised(self.name) == normalised(self.value) or {normalised(self.name), normalised(self.value)} & kept:
            raise ValueError("`name` and `value` differ from one another and from the names in `keep`")
        return self

    def positions(self, header: Sequence[str]) -> tuple[int, ...]:
        """Return the positions of the columns whose cells become records; none if the header lacks what is kept."""
        names = [normalised(name) for name in header]
        kept = self.kept(header)
        if not kept:
            return ()
        return tuple(position for position, name in enumerate(names) if name and position not in kept)

    def kept(self, header: Sequence[str]) -> frozenset[int]:
        """Return the positions of the columns that stay."""
        plain, names = {normalised(name) for name in self.keep}, Header(header)
        found = {position for position, name in enumerate(header) if normalised(name) in plain}
        asked = (names.position((name,)) for name in self.keep if CURRENCY in name)
        return frozenset(found | {position for position in asked if position is not None})

    def names(self, header: Sequence[str]) -> tuple[str, ...]:
        """Return the names of a record's cells: those that are kept, an empty text for all others, `name`, `value`."""
        gone = set(self.positions(header))
        return (*("" if position in gone else name for position, name in enumerate(header)), self.name, self.value)


def without_currencies(names: Sequence[str]) -> tuple[str, ...]:
    """Return names without the currency that stands behind them in brackets: `S3($)` is `S3`.

    Three capitals in brackets are a currency only where all names end with the same: `Private Cloud (VPC)` is a name.
    """
    ends = [found.group(1) if (found := _BRACKETS.search(name)) else "" for name in names]
    common = bool(_CODE.fullmatch(ends[0])) and len(names) > 1 and len(set(ends)) == 1 if ends else False
    return tuple(
        _BRACKETS.sub("", name) or name
        if common or any(unicodedata.category(character) == "Sc" for character in end)
        else name
        for name, end in zip(names, ends, strict=True)
    )


def doubt_of_columns(profile: str, names: Sequence[str]) -> str | None:
    """Return why these columns, whose cells become costs, may be none or not of one currency; None if nothing tells so.

    The names of all of them end with the same currency in brackets, or those of none do.
    """
    ends = {name: found.group(1).strip() if (found := _BRACKETS.search(name)) else "" for name in names}
    told = {name: end for name, end in ends.items() if currency_of(end) or sign_in(end)}
    other = next((name for name, end in ends.items() if told and end != next(iter(told.values()))), None)
    if other is None:
        return None
    return (
        f"The name {other!r} does not end with the same currency as {next(iter(told))!r}: it may be no cost, or one of "
        "another currency. The file is not loaded, as its sum would be wrong. Name the columns that are no costs in a "
        f'profile of your own: extends = "{profile}", and keep = ["…"] in [unpivot].'
    )
