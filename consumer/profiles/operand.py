"""One cell of a record in a profile, and the part of it that is taken."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

_NOT_IN_A_PATTERN = re.compile(r"\(\?(?!:)|\\[0-9Z]|[*+?}]\+")


class Strict(BaseModel):
    """A table of a profile: each of its words is known, and none changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Cut(Strict):
    """The part of a cell that is taken."""

    key: str | None = Field(
        None, min_length=1, description="The cell is a map, such as a JSON object; its entry of this name is taken."
    )
    part: Literal["start", "end"] | None = Field(
        None, description="The start or the end of the interval or month that the cell names; for times."
    )
    pattern: str | None = Field(
        None, max_length=500, description="A regular expression with one group: its text is taken, if it is found."
    )

    @field_validator("pattern")
    @classmethod
    def _one_group(cls, given: str | None) -> str | None:
        # Only what RE2, which takes linear time, reads as Python does.
        try:
            fits = given is None or (not _NOT_IN_A_PATTERN.search(given) and re.compile(given).groups == 1)
        except re.error:
            fits = False
        if not fits:
            raise ValueError(f"the pattern {given!r} is no regular expression of one group that looks nowhere else")
        return given


class Operand(Cut):
    """One cell of a record, as a term of an expression."""

    names: tuple[str, ...] = Field(
        alias="from", min_length=1, description="Header names; the first that the header has."
    )
    mapping: dict[str, str] | None = Field(
        None, alias="map", description="Texts of the cell, in any case, to texts of `charges`; any other is no value."
    )
    amounts: str | None = Field(
        None, min_length=1, description="The cell is a JSON array of objects; their numbers of this name are added."
    )
    where: tuple[str, ...] = Field(
        (), description="Header names of a cell; this one is taken only in rows where that has a value."
    )
    negative: bool = Field(False, description="The number counts with the opposite sign.")
    unless: tuple[str, ...] = Field(
        (), description="Header names of a cell; the number counts as zero in a row where this has a value."
    )


def spelled_out(given: object) -> object:
    """Return the table that a name or a list of names is short for."""
    if isinstance(given, str):
        return {"from": [given]}
    return {"from": given} if isinstance(given, list | tuple) else given


OneOperand = Annotated[Operand, BeforeValidator(spelled_out)]
