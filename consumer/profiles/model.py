"""What a profile may say. It is a closed vocabulary: nothing in a profile ever becomes SQL as it stands."""

import re
import zoneinfo
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from billstream.consumer.profiles.names import Header, header_of, normalised

NAMED_TIMES = ("iso", "epoch_seconds", "epoch_milliseconds")
_DIRECTIVES = frozenset("YymdHMSfzpIbBj%")
_DIRECTIVE = re.compile(r"%-?(.)")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Operand(_Strict):
    """One cell of a record, as part of a small expression."""

    names: tuple[str, ...] = Field(alias="from", min_length=1, description="Header names; the first that is there.")
    amounts: str | None = Field(
        None, min_length=1, description="The cell is a JSON array of objects; their numbers of this name are added."
    )
    negative: bool = Field(False, description="The number counts with its sign turned.")
    unless: tuple[str, ...] = Field(
        (), description="Header names of a cell; the number counts as zero in a row where this has a value."
    )


def _operand(given: object) -> object:
    """A name or a list of names for short."""
    if isinstance(given, str):
        return {"from": [given]}
    return {"from": given} if isinstance(given, list | tuple) else given


OneOperand = Annotated[Operand, BeforeValidator(_operand)]
Operands = Annotated[tuple[OneOperand, ...], Field(min_length=1)]


class Source(_Strict):
    """Where one column of `charges` comes from: one of `from`, `first`, `sum`, `product`, `by` or `constant`."""

    names: tuple[str, ...] = Field((), alias="from", description="Header names, the first that is there is taken.")
    first: tuple[OneOperand, ...] = Field((), description="The first of these cells that has a value.")
    sum: tuple[OneOperand, ...] = Field((), description="These cells added; an empty one counts nothing.")
    product: tuple[OneOperand, ...] = Field((), description="Two cells multiplied, exactly.")
    by: tuple[str, ...] = Field((), description="Header names of the cell that chooses among `cases`.")
    cases: dict[str, tuple[OneOperand, ...]] = Field(
        default_factory=dict, description="Text of that cell: what is added for it; an empty list is zero."
    )
    otherwise: tuple[OneOperand, ...] | str | None = Field(
        None, description="With `cases`, what is added for any other text; with `map`, the text for any other."
    )
    constant: str | None = Field(None, description="The value of every row, when the file does not say it.")
    default: str | None = Field(None, description="The value of a row whose cell has none.")
    mapping: dict[str, str] | None = Field(
        None,
        alias="map",
        description="Texts of the file, in any case, to texts of `charges`; an empty one is no value.",
    )
    never: dict[str, str] = Field(
        default_factory=dict,
        description="Texts that no file of this kind has, with the reason why a file that has one is refused.",
    )
    prefixed: tuple[str, ...] = Field((), description="Tags: each column whose name begins so is one tag.")
    required: bool = Field(False, description="A row without a value here is rejected.")

    @field_validator("by", mode="before")
    @classmethod
    def _one_name(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        tags = bool(self.names or self.prefixed)
        origins = (tags, bool(self.first), bool(self.sum), bool(self.product), bool(self.by), self.constant is not None)
        if sum(origins) != 1:
            raise ValueError("give exactly one of `from`, `first`, `sum`, `product`, `by` and `constant`")
        if self.product and len(self.product) != 2:  # noqa: PLR2004 - two factors
            raise ValueError("`product` takes two cells")
        if bool(self.by) != bool(self.cases):
            raise ValueError("`by` and `cases` go together")
        if self.otherwise is not None and isinstance(self.otherwise, str) != (self.mapping is not None):
            raise ValueError("`otherwise` is a text with `map` and a list of cells with `cases`")
        if self.mapping is not None and not (self.names or self.first):
            raise ValueError("`map` goes with `from` or `first`")
        if self.never and not self.names:
            raise ValueError("`never` goes with `from`")
        return self


class Match(_Strict):
    """When a profile fits a header."""

    needs: tuple[str, ...] = Field((), description="Columns of `charges` that must have a source.")
    one_of: tuple[tuple[str, ...], ...] = Field((), description="Sets of header names; one set must be wholly there.")
    none: tuple[str, ...] = Field((), description="Header names that must not be there.")
    keys: tuple[str, ...] = Field((), description="Patterns (*, ?) of the object's key; one must fit, in any case.")

    def fits(self, header: Header, key: str) -> bool:
        """Whether header and key are as this says; `needs` aside."""
        if self.one_of and not any(all(name in header for name in names) for names in self.one_of):
            return False
        if any(name in header for name in self.none):
            return False
        return not self.keys or any(fnmatchcase(key.casefold(), pattern.casefold()) for pattern in self.keys)


class Values(_Strict):
    """How the cells of a file are written."""

    nulls: tuple[str, ...] = Field((), description="Cells that mean no value, beside the empty cell.")
    times: tuple[str, ...] = Field(
        ("iso",), min_length=1, description="iso, epoch_seconds, epoch_milliseconds, or formats such as %m/%d/%Y."
    )
    time_zone: str = Field("UTC", description="The zone of times without an offset, such as America/New_York.")
    symbols: tuple[str, ...] = Field((), description="Currency signs that may stand at a number, such as $.")
    thousands: str = Field("", max_length=1, description="What groups the digits of a number by three.")
    decimal_point: str = Field(".", pattern=r"^[.,]$", description="What stands before a number's decimals.")
    footers: tuple[str, ...] = Field((), description="Last lines whose first cell begins so are no rows.")
    bracketed_names: bool = Field(False, description="A header name may be given as `Kosten (Cost)`.")

    @field_validator("times")
    @classmethod
    def _known_formats(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for form in given:
            if form in NAMED_TIMES:
                continue
            unknown = [found for found in _DIRECTIVE.findall(form) if found not in _DIRECTIVES]
            if "%" not in form or unknown or form.endswith("%"):
                raise ValueError(f"{form!r} is no time format; directives are %{', %'.join(sorted(_DIRECTIVES))}")
        return given

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, given: str) -> str:
        if given not in zoneinfo.available_timezones():
            raise ValueError(f"{given!r} is no time zone of the IANA database")
        return given

    @model_validator(mode="after")
    def _readable_numbers(self) -> "Values":
        if self.thousands and (self.thousands == self.decimal_point or self.thousands not in ".,' _\u00a0\u202f"):
            raise ValueError("`thousands` is one of . , ' _ or a space, and differs from `decimal_point`")
        if any(not symbol.strip() or any(c.isalnum() or c in "+-.,()" for c in symbol) for symbol in self.symbols):
            raise ValueError("`symbols` are currency signs, without letters, digits, signs or points")
        return self


class Profile(_Strict):
    """One kind of billing file, or one kind of file that is none: see `refuse`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    match: Match
    values: Values = Values()
    columns: dict[str, Source] = Field(default_factory=dict)
    refuse: str | None = Field(None, min_length=1, description="Why such a file is no list of charges.")
    scope: Literal["object", "delivery"] = Field(
        "object",
        description="What rows replace: `object`, those of the same object, or of the same export and period where a "
        "manifest lists the file; `delivery`, only the latter: a file that no manifest lists is quarantined.",
    )
    depth: int = Field(0, description="How many profiles this one extends; set by the registry.")

    @model_validator(mode="before")
    @classmethod
    def _own_fields(cls, given: Any) -> Any:  # noqa: ANN401 - what TOML held
        if isinstance(given, dict) and isinstance(given.get("columns"), dict):
            return {**given, "columns": {name: _source(source) for name, source in given["columns"].items()}}
        return given

    @model_validator(mode="after")
    def _needs_are_mapped(self) -> "Profile":
        if self.refuse is not None:
            if self.columns or not self.match.one_of:
                raise ValueError("a profile that refuses has `match.one_of` and no [columns]")
            return self
        unknown = [name for name in self.match.needs if name not in self.columns]
        if unknown:
            raise ValueError(f"match.needs names columns that [columns] does not map: {', '.join(unknown)}")
        if not self.match.needs and not self.match.one_of:
            raise ValueError("[match] names neither `needs` nor `one_of`: the profile would fit every file")
        return self

    def names_in(self, header: Sequence[str]) -> Header:
        """The names of a header, as this profile looks them up."""
        return header_of(tuple(header), bracketed=self.values.bracketed_names)

    def fits(self, header: Sequence[str], key: str) -> bool:
        """Whether [match] is as header and key are; what it needs aside."""
        return self.match.fits(self.names_in(header), key)

    def missing(self, header: Sequence[str], columns: Sequence[str] | None = None) -> tuple[str, ...]:
        """Those of `columns`, or else of the columns that this profile needs, that the header has no source for."""
        names = self.names_in(header)
        asked = self.match.needs if columns is None else columns
        return tuple(column for column in asked if not _has_source(self.columns[column], names))


def _source(given: object) -> object:
    """A header name, or a list of them, for short."""
    if isinstance(given, str):
        return {"from": [given]}
    return {"from": given} if isinstance(given, list) else given


def _has_source(source: Source, header: Header) -> bool:
    if source.constant is not None:
        return True
    names = (
        source.names
        or source.by
        or tuple(name for part in (*source.first, *source.sum, *source.product) for name in part.names)
    )
    return any(name in header for name in names)


__all__ = ["NAMED_TIMES", "Match", "Operand", "Profile", "Source", "Values", "normalised"]
