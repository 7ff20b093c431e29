"""The words of a profile. They are a closed vocabulary: no text of a profile ever becomes SQL."""

import re
import zoneinfo
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from billstream.common.lake.tables import CHARGES, Table
from billstream.consumer.profiles.contradiction import Contradiction
from billstream.consumer.profiles.names import Header, header_of, normalised
from billstream.consumer.profiles.operand import Cut, OneOperand, Operand, Strict, spelled_out
from billstream.consumer.profiles.origin import Origin, origin_of
from billstream.consumer.profiles.records import Records, Unpivot

NAMED_TIMES = ("iso", "epoch_seconds", "epoch_milliseconds")
_DIRECTIVES = frozenset("YymdHMSfzpIbBj%")
_DIRECTIVE = re.compile(r"%-?(.)")


class Source(Cut):
    """The origin of one column of `charges`: one of `from`, `first`, `sum`, `product`, `by` or `constant`."""

    names: tuple[str, ...] = Field((), alias="from", description="Header names; the first that the header has.")
    first: tuple[OneOperand, ...] = Field((), description="The first of these cells that has a value.")
    sum: tuple[OneOperand, ...] = Field((), description="These cells added; an empty one adds nothing.")
    product: tuple[OneOperand, ...] = Field((), description="Two cells multiplied, exactly.")
    by: tuple[str, ...] = Field((), description="Header names of the cell that chooses among `cases`.")
    cases: dict[str, tuple[OneOperand, ...]] = Field(
        default_factory=dict, description="Text of that cell: what is added for it; an empty list is zero."
    )
    otherwise: tuple[OneOperand, ...] | str | None = Field(
        None, description="With `cases`, what is added for any other text; with `map`, the text for any other."
    )
    constant: str | None = Field(None, description="The value of every row, when the file has no column for it.")
    preamble: tuple[str, ...] = Field(
        (), description="Labels above the header: the text beside one is the value of a row whose cell is empty."
    )
    of_name: tuple[str, ...] = Field(
        (),
        description="Header names of a cost; the currency in its name is the value of a row whose cell is empty.",
    )
    sole: tuple[str, ...] = Field(
        (), description="Header names that may each be meant: a file whose header has two of them is refused."
    )
    default: str | None = Field(None, description="The value of a row whose cell is empty.")
    mapping: dict[str, str] | None = Field(
        None,
        alias="map",
        description="Texts of the file, in any case, to texts of `charges`; an empty text is no value.",
    )
    never: dict[str, str] = Field(
        default_factory=dict,
        description="Texts that no file of this kind has, each with the reason for refusing a file that has it.",
    )
    prefixed: tuple[str, ...] = Field(
        (), description="Tags: each column whose name begins with one of these is one tag."
    )
    required: bool = Field(False, description="A row without a value here is rejected.")

    @field_validator("by", "preamble", "of_name", mode="before")
    @classmethod
    def _one_name(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        tags = bool(self.names or self.prefixed)
        # `from` and `prefixed` together are one origin: tags of a cell and of columns.
        origins = (tags, bool(self.first), bool(self.sum), bool(self.product), bool(self.by), self.constant is not None)
        # What the header or the lines above it tell may stand alone, or behind a cell.
        told = bool(self.preamble or self.of_name)
        if told and (any(origins[2:]) or self.prefixed):
            raise ValueError("`preamble` and `of_name` go with `from` or `first`, or stand alone")
        if sum(origins) != 1 and not (told and not any(origins)):
            raise ValueError("give exactly one of `from`, `first`, `sum`, `product`, `by` and `constant`")
        if self.product and len(self.product) != 2:  # noqa: PLR2004 - two factors
            raise ValueError("`product` takes two cells")
        if bool(self.by) != bool(self.cases):
            raise ValueError("`by` and `cases` go together")
        if self.otherwise is not None and isinstance(self.otherwise, str) != (self.mapping is not None):
            raise ValueError("`otherwise` is a text with `map` and a list of cells with `cases`")
        if self.mapping is not None and not (self.names or self.first):
            raise ValueError("`map` goes with `from` or `first`")
        if (self.key or self.part or self.pattern) and (not self.names or self.prefixed):
            raise ValueError("`key`, `part` and `pattern` go with `from`")
        if self.never and not self.names:
            raise ValueError("`never` goes with `from`")
        return self

    @property
    def header_names(self) -> tuple[str, ...]:
        """Every header name that this may come from; none for a constant."""
        operands = (*self.first, *self.sum, *self.product)
        return self.names or self.by or tuple(name for operand in operands for name in operand.names)

    @property
    def all_names(self) -> tuple[tuple[str, ...], ...]:
        """The header names of each cell that this may be made of."""
        switched = [*self.cases.values(), self.otherwise if isinstance(self.otherwise, tuple) else ()]
        operands = (*self.first, *self.sum, *self.product, *(operand for part in switched for operand in part))
        return tuple(names for names in (self.names, self.by, *(operand.names for operand in operands)) if names)


class Match(Strict):
    """The conditions under which a profile fits a header."""

    needs: tuple[str, ...] = Field((), description="Columns of `charges` that must have a source.")
    one_of: tuple[tuple[str, ...], ...] = Field(
        (), description="Sets of header names; the header must have all names of one set."
    )
    none: tuple[str, ...] = Field((), description="Header names that the header must not have.")
    keys: tuple[str, ...] = Field(
        (), description="Patterns (*, ?) of the export's own name and the file's; with a slash, of the whole key."
    )
    datasets: tuple[str, ...] = Field(
        (),
        description='Datasets as the manifest of a delivery tells them, such as AmortizedCost; "" is one not told. '
        "Where a manifest tells the dataset, `keys` are not looked at.",
    )

    def fits(self, header: Header, key: Origin | str) -> bool:
        """Return whether header and origin meet these conditions, except `needs`."""
        if self.one_of and not any(all(name in header for name in names) for names in self.one_of):
            return False
        if any(name in header for name in self.none):
            return False
        return self.fits_origin(origin_of(key))

    def fits_origin(self, origin: Origin) -> bool:
        """Return whether the export is one of these: by its manifest if that tells the dataset, else by its name."""
        if self.datasets and origin.dataset is not None:
            return origin.is_of(self.datasets)
        return origin.is_like(self.keys) if self.keys else not self.datasets or origin.is_of(self.datasets)


class Values(Strict):
    """The way in which the cells of a file are written."""

    nulls: tuple[str, ...] = Field((), description="Cells that mean no value, besides the empty cell.")
    times: tuple[str, ...] = Field(
        ("iso",), min_length=1, description="iso, epoch_seconds, epoch_milliseconds, or formats such as %m/%d/%Y."
    )
    time_zone: str = Field("UTC", description="The zone of times without an offset, such as America/New_York.")
    symbols: tuple[str, ...] = Field((), description="Currency signs that may stand at a number, such as $.")
    thousands: str = Field("", max_length=1, description="The character that groups the digits of a number by three.")
    decimal_point: str = Field(".", pattern=r"^[.,]$", description="The character before a number's decimals.")
    footers: tuple[str, ...] = Field((), description="Last lines of which a cell begins with one of these are no rows.")
    bracketed_names: bool = Field(False, description="A header name may be given as `Kosten (Cost)`.")

    @field_validator("times")
    @classmethod
    def _known_formats(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        # Only directives for which `decode.values` has a shape: a format without one would not be guarded.
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


class Profile(Strict):
    """One kind of billing file, or, with `refuse`, one kind of file that is no billing file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    match: Match
    records: Records = Records()
    unpivot: Unpivot | None = None
    values: Values = Values()
    columns: dict[str, Annotated[Source, BeforeValidator(spelled_out)]] = Field(default_factory=dict)
    refuse: str | None = Field(None, min_length=1, description="The reason why such a file is no list of charges.")
    contradictions: tuple[Contradiction, ...] = Field(
        (), description="Rows that no file of this kind has: a file with one of them is refused."
    )
    scope: Literal["object", "delivery"] = Field(
        "object",
        description="Rows that a file replaces: `object`, those of the same object, or of the same export and period "
        "where a manifest lists the file; `delivery`, only the latter: a file that no manifest lists is quarantined.",
    )
    known: tuple[str, ...] = Field((), description="The columns that the vendor documents for such files.")
    not_mapped: dict[str, str] = Field(
        default_factory=dict, description="Known columns that feed no column of `charges`, each with the reason."
    )
    not_told: tuple[str, ...] = Field((), description="Columns of `charges` of which the vendor says nothing.")
    only_rescued: tuple[str, ...] = Field(
        (), description="Columns of `charges` that the vendor tells in a form that is kept in `rescued` alone."
    )
    table: Table = Field(CHARGES, description="The table that the rows belong in; [columns] names columns of it.")
    depth: int = Field(0, description="How many profiles this one extends; set by the registry.")

    @model_validator(mode="after")
    def _needs_are_mapped(self) -> "Profile":
        if self.refuse is not None:
            if self.columns or not (self.match.one_of or self.match.datasets):
                raise ValueError("a profile that refuses has `match.one_of` or `match.datasets`, and no [columns]")
            return self
        unknown = [name for name in self.match.needs if name not in self.columns]
        if unknown:
            raise ValueError(f"match.needs names columns that [columns] does not map: {', '.join(unknown)}")
        told = frozenset().union(*(one.columns for one in self.contradictions))
        if unknown := sorted(told - self.columns.keys()):
            raise ValueError(f"contradictions name columns that [columns] does not map: {', '.join(unknown)}")
        if not self.match.needs and not self.match.one_of:
            raise ValueError("[match] names neither `needs` nor `one_of`: the profile would fit every file")
        return self

    def names_in(self, header: Sequence[str]) -> Header:
        """Return the names of a header, the way this profile looks them up."""
        return header_of(tuple(header), bracketed=self.values.bracketed_names)

    def cells_in(self, header: Sequence[str]) -> Header:
        """Return the names under which [columns] finds a record's cells; with [unpivot], not all are the header's."""
        return self.names_in(header if self.unpivot is None else self.unpivot.names(header))

    def fits(self, header: Sequence[str], key: Origin | str) -> bool:
        """Return whether header and origin meet the conditions of [match], except `needs`."""
        return self.match.fits(self.names_in(header), key)

    def missing(self, header: Sequence[str], columns: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return the columns that the header has no source for.

        Args:
            header: the names of a file's columns.
            columns: the columns of `charges` in question; without it, those that this profile needs.
        """
        names = self.cells_in(header)
        asked = self.match.needs if columns is None else columns
        sources = ((column, self.columns[column]) for column in asked)
        return tuple(
            column
            for column, source in sources
            if source.constant is None and not any(name in names for name in source.header_names)
        )


__all__ = ["NAMED_TIMES", "Match", "Operand", "Profile", "Source", "Values", "normalised"]
