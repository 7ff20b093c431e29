"""The interactive part of the dashboard: its cells as compact JSON, its scripts, and the policy that allows them."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from billstream.aggregator.insights.values import Cube, CubeCell
from billstream.aggregator.pages.text import visible

DIMENSIONS = ("currency", "provider", "account", "service", "region", "user", "category")
FOLDED_FROM = {"account": 2, "service": 2, "region": 1, "user": 1}
FOLDED_NAME = 0
"""Index of the names of a dimension that stands for many names; the page says so."""
MOST_BYTES = 1_000_000
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
    while True:
        kept = {"day": set(days), "month": set(months)}
        text = _text([cell for cell in cube.cells if cell.period in kept[cell.grain]])
        if len(text) <= MOST_BYTES or (len(days) <= 1 and len(months) <= 1):
            return text
        if len(days) > FEWEST_DAYS or len(months) <= 1:
            days = days[len(days) // 3 or 1 :]
        else:
            months = months[len(months) // 3 or 1 :]


def _text(cells: list[CubeCell]) -> str:
    # Each name stands once; a cell has the place of its combination of names, of its period, and its costs.
    names: dict[str, dict[str | None, int]] = {dimension: {} for dimension in DIMENSIONS}
    combinations: dict[tuple[int, ...], int] = {}
    found: dict[str, list[list[object]]] = {"day": [], "month": []}
    periods = {grain: sorted({cell.period for cell in cells if cell.grain == grain}) for grain in found}
    places: dict[str, dict[date, int]] = {
        grain: {period: place for place, period in enumerate(listed)} for grain, listed in periods.items()
    }
    for cell in cells:
        key = tuple(_place(names[dimension], dimension, cell) for dimension in DIMENSIONS)
        combination = combinations.setdefault(key, len(combinations))
        found[cell.grain].append(
            [combination, places[cell.grain][cell.period], _plain(cell.billed_cost), _plain(cell.effective_cost)]
        )
    value = {
        "dimensions": DIMENSIONS,
        "names": [["", *(visible(name) for name in names[dimension])] for dimension in DIMENSIONS],
        "raw": [[None, *names[dimension]] for dimension in DIMENSIONS],
        "combinations": list(combinations),
        "periods": {grain: [str(period) for period in listed] for grain, listed in periods.items()},
        "cells": {grain: [_shorter(row) for row in rows] for grain, rows in found.items()},
    }
    # A name that ends the element or begins a comment cannot: there is no < in the text.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")


def _place(names: dict[str | None, int], dimension: str, cell: CubeCell) -> int:
    if cell.folded >= FOLDED_FROM.get(dimension, 3):
        return FOLDED_NAME
    return names.setdefault(getattr(cell, dimension), len(names) + 1)


def _plain(amount: Decimal | None) -> str | None:
    """The exact amount; without the zeros at its end."""
    if amount is None:
        return None
    text = f"{amount:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _shorter(row: list[object]) -> list[object]:
    # Most effective costs equal the billed cost; they are not written twice.
    return row[:3] if row[2] == row[3] else row


@cache
def _parts() -> tuple[tuple[str, str], str]:
    root = files("billstream.aggregator")
    library = root / "vendored" / "uplot"
    scripts = (library / "uplot.js").read_text(), (root / "templates" / "explorer.js").read_text()
    return scripts, (library / "uplot.css").read_text()
