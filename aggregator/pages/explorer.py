"""The interactive part of the dashboard: its cells as compact JSON, its scripts, and the policy that allows them."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from billstream.aggregator.insights.cubed import Cube, CubeCell, Grain, Span, TagCell
from billstream.aggregator.pages.numbers import decimals_of
from billstream.aggregator.pages.text import visible

DIMENSIONS = ("currency", "provider", "account", "service", "region", "user", "category")
FOLDED_FROM = {"account": 2, "service": 2, "region": 1, "user": 1}
NEVER_FOLDED = 3
FOLDED_NAME = 0
"""Index of the names of a dimension that stands for many names; the page says so."""
GRAINS: tuple[Grain, ...] = ("day", "month")
MOST_BYTES = 1_150_000
FEWEST_DAYS = 31


@dataclass(frozen=True)
class Explorer:
    """What the template puts into the page; `policy` lists the hashes of the scripts."""

    data: Markup
    scripts: tuple[Markup, ...]
    style: Markup
    policy: Markup


def explorer_of(cube: Cube | None) -> Explorer | None:
    """Return the interactive part, or None when there are no cells to show."""
    if cube is None or not cube.cells:
        return None
    scripts, style = _parts()
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return Explorer(
        data=Markup(_bounded(cube)),  # noqa: S704 - JSON in which every < is written as an escape
        scripts=tuple(Markup(script) for script in scripts),  # noqa: S704 - our own files
        style=Markup(style),  # noqa: S704 - our own file
        policy=Markup(" ".join(f"'sha256-{found}'" for found in hashes)),  # noqa: S704 - Base64
    )


def _bounded(cube: Cube) -> str:
    """The JSON, in at most `MOST_BYTES`: the earlier days go first, then the earlier months."""
    days = sorted({cell.period for cell in cube.cells if cell.grain == "day"})
    months = sorted({cell.period for cell in cube.cells if cell.grain == "month"})
    kept = cube
    while True:
        text = _text(kept)
        if len(text) <= MOST_BYTES or (len(days) <= 1 and len(months) <= 1):
            return text
        if len(days) > FEWEST_DAYS or len(months) <= 1:
            days = days[len(days) // 3 or 1 :]
        else:
            months = months[len(months) // 3 or 1 :]
        kept = _from(cube, days[0] if days else cube.first_day, months[0] if months else cube.first_month)


def _from(cube: Cube, first_day: date, first_month: date) -> Cube:
    """The same cube without what is earlier."""
    first = {"day": first_day, "month": first_month}
    return replace(
        cube,
        first_day=first_day,
        first_month=first_month,
        cells=tuple(cell for cell in cube.cells if cell.period >= first[cell.grain]),
        tags=tuple(cell for cell in cube.tags if cell.period >= first[cell.grain]),
    )


def _text(cube: Cube) -> str:
    # Each name stands once; a cell has the place of its combination of names, of its period, and its costs.
    names = {dimension: _Names() for dimension in DIMENSIONS}
    # The page begins with the first currency: the one with the most charges.
    used = {cell.currency for cell in cube.cells}
    for span in cube.spans:
        if span.currency in used:
            names["currency"].place(span.currency)
    periods: dict[Grain, list[date]] = {
        grain: sorted({cell.period for cell in cube.cells if cell.grain == grain}) for grain in GRAINS
    }
    places = {(grain, period): place for grain in GRAINS for place, period in enumerate(periods[grain])}
    main = _Cells(places)
    for cell in cube.cells:
        combination = [
            FOLDED_NAME
            if cell.folded >= FOLDED_FROM.get(dimension, NEVER_FOLDED)
            else names[dimension].place(getattr(cell, dimension))
            for dimension in DIMENSIONS
        ]
        main.add(cell, combination)
    tags: dict[str, tuple[_Names, _Cells]] = {}
    for tagged in cube.tags:
        values, found = tags.setdefault(tagged.key, (_Names(), _Cells(places)))
        value = FOLDED_NAME if tagged.folded else values.place(tagged.value)
        found.add(tagged, [names["currency"].place(tagged.currency), value])
    spans = {span.currency: span for span in cube.spans}
    told = {
        "dimensions": DIMENSIONS,
        "names": [names[dimension].shown() for dimension in DIMENSIONS],
        "raw": [names[dimension].raw() for dimension in DIMENSIONS],
        "from": {"day": str(cube.first_day), "month": str(cube.first_month)},
        "periods": {grain: [str(period) for period in periods[grain]] for grain in GRAINS},
        "spans": [_span(name, spans.get(name), cube) for name in names["currency"].raw()],
        **main.value(),
        "tags": {
            key: {"names": values.shown(), "raw": values.raw(), **found.value()}
            for key, (values, found) in tags.items()
        },
    }
    # A name that ends the element or begins a comment cannot: there is no < in the text.
    return json.dumps(told, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")


class _Names:
    """The names of one dimension, each with its place; place 0 stands for many names."""

    def __init__(self) -> None:
        self._places: dict[str | None, int] = {}

    def place(self, name: str | None) -> int:
        return self._places.setdefault(name, len(self._places) + 1)

    def raw(self) -> list[str | None]:
        return [None, *self._places]

    def shown(self) -> list[str]:
        return ["", *map(visible, self._places)]


class _Cells:
    """The cells of one set of dimensions: the combinations of names, and what each costs in each period."""

    def __init__(self, places: Mapping[tuple[Grain, date], int]) -> None:
        self._places = places
        self._combinations: dict[tuple[int, ...], int] = {}
        self._cells: dict[Grain, list[Sequence[object]]] = {grain: [] for grain in GRAINS}

    def add(self, cell: CubeCell | TagCell, names: Sequence[int]) -> None:
        place = self._combinations.setdefault(tuple(names), len(self._combinations))
        row = [place, self._places[cell.grain, cell.period], _plain(cell.billed_cost), _plain(cell.effective_cost)]
        # Most effective costs equal the billed cost; they are not written twice.
        self._cells[cell.grain].append(row[:3] if row[2] == row[3] else row)

    def value(self) -> dict[str, object]:
        return {"combinations": list(self._combinations), "cells": self._cells}


def _span(currency: str | None, span: Span | None, cube: Cube) -> dict[str, object]:
    told = span or Span(currency=currency, first_day=cube.first_month, last_day=cube.first_day, complete_to=None)
    return {
        "first": str(told.first_day),
        "last": str(told.last_day),
        "complete": told.complete_to and str(told.complete_to),
        "decimals": decimals_of(currency),
    }


def _plain(amount: Decimal | None) -> str | None:
    """The exact amount; without the zeros at its end."""
    if amount is None:
        return None
    text = f"{amount:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


@cache
def _parts() -> tuple[tuple[str, str], str]:
    root = files("billstream.aggregator")
    library = root / "vendored" / "uplot"
    scripts = (library / "uplot.js").read_text(), (root / "templates" / "explorer.js").read_text()
    return scripts, (library / "uplot.css").read_text()
