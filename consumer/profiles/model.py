"""What a profile may say, and what it means for one header."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, model_validator

_IN_A_NAME = "LMN"  # letters, the marks on them, and digits, of any script


def normalised(name: str) -> str:
    """A column name as profiles compare it: without case, spaces, underscores and punctuation.

    A name of nothing but these is compared as it is.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in plain if unicodedata.category(character)[0] in _IN_A_NAME) or plain


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Strict):
    """Where one column of `charges` comes from."""

    names: tuple[str, ...] = Field((), alias="from", description="Header names, the first that is there is taken.")
    constant: str | None = Field(None, description="The value of every row, when the file does not say it.")
    required: bool = Field(False, description="A row without a value here is rejected.")

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        if bool(self.names) == (self.constant is not None):
            raise ValueError("give either `from` or `constant`")
        return self


class Match(_Strict):
    """When a profile fits a header."""

    needs: tuple[str, ...] = Field(min_length=1, description="Columns of `charges` that must have a source.")


class Values(_Strict):
    """How the cells of a file are written."""

    nulls: tuple[str, ...] = Field((), description="Cells that mean no value, beside the empty cell.")


class Profile(_Strict):
    """One kind of billing file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    match: Match
    values: Values = Values()
    columns: dict[str, Source]

    @model_validator(mode="after")
    def _needs_are_mapped(self) -> "Profile":
        unknown = [name for name in self.match.needs if name not in self.columns]
        if unknown:
            raise ValueError(f"match.needs names columns that [columns] does not map: {', '.join(unknown)}")
        return self

    def bind(self, header: Sequence[str]) -> "Binding | None":
        """This profile over one header, or None when the header lacks a column that the profile needs.

        A header name is used once: by the first column of the profile that asks for it.
        """
        positions: dict[str, int] = {}
        for index, name in enumerate(header):
            positions.setdefault(normalised(name), index)
        bound: dict[str, int] = {}
        for column, source in self.columns.items():
            found = next((positions[n] for n in map(normalised, source.names) if n in positions), None)
            if found is not None and found not in bound.values():
                bound[column] = found
        if any(column not in bound for column in self.match.needs):
            return None
        return Binding(profile=self, header=tuple(header), positions=bound)


@dataclass(frozen=True)
class Binding:
    """A profile applied to a header: which column of the file feeds which column of `charges`."""

    profile: Profile
    header: tuple[str, ...]
    positions: dict[str, int]

    @property
    def rescued(self) -> tuple[int, ...]:
        """Positions of the header columns that the profile does not know; their cells are kept as JSON."""
        known = set(self.positions.values())
        return tuple(index for index in range(len(self.header)) if index not in known)
