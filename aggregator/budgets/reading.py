"""Budgets from a TOML file, each checked, with the line of whatever is wrong."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from billstream.aggregator.budgets.metrics import Metric, MetricTable
from billstream.aggregator.budgets.model import TAGS, Budget, Counted
from billstream.common.errors import Misconfigured
from billstream.common.toml_lines import line_of

LONGEST_FILE = 1_000_000  # bytes
MOST_BUDGETS = 1000
MOST_METRICS = 50


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    budget: tuple[Budget, ...] = Field((), max_length=MOST_BUDGETS)
    metric: tuple[Metric, ...] = Field((), max_length=MOST_METRICS)
    sink: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class BudgetFile:
    """The content of the file: budgets and metrics in their order.

    `sinks` are the names of its tables `[sink.<name>]`; whoever sends alerts checks them, see `alerts.config`.
    """

    budgets: tuple[Budget, ...] = ()
    metrics: tuple[MetricTable, ...] = ()
    sinks: tuple[str, ...] = ()


def read_budgets(path: Path, tag_keys: Collection[str] = (), sinks: Collection[str] | None = None) -> BudgetFile:
    """Return the budgets of a file, and its metrics with their quantities.

    Args:
        path: the file.
        tag_keys: the tag keys that costs are told by; there is no filter by others.
        sinks: the names that `send` may have. None: those of the file itself; without any in it, every name may be.

    Raises:
        Misconfigured: the file cannot be read, or is not valid; the text names the file, the line and the reason.
    """
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise invalid(path, f"it has more than {LONGEST_FILE:,} bytes")
        text = path.read_text("utf-8")
        # A float would turn 0.1 into something else.
        content = tomllib.loads(text, parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise invalid(path, str(error)) from error
    try:
        found = _File.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = _place(content, first["loc"])
        raise invalid(path, first["msg"].removeprefix("Value error, "), text, place) from error
    _check_together(path, text, found, tag_keys, found.sink if sinks is None else sinks)
    return BudgetFile(found.budget, _metrics(path, text, found), tuple(found.sink))


def invalid(path: Path, why: str, text: str = "", place: tuple[str, ...] = ()) -> Misconfigured:
    """Return the error about a place of the file of budgets."""
    line = line_of(text, place) if place else None
    where = f"{path}, line {line}" if line else str(path)
    at = f" at {'.'.join(place)}" if place else ""
    return Misconfigured(
        f"The file of budgets {where} is not valid{at}: {why}. No budget was evaluated, and the states of budgets stay "
        "as they are. Repair the file, see `billstream budgets check`, or unset BILLSTREAM_BUDGETS."
    )


def _place(content: dict[str, Any], loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return a location without the names that pydantic gives to the members of a union."""
    place: list[str] = []
    here: Any = content
    for part in loc:
        if (isinstance(here, dict) and part in here) or (isinstance(here, list) and isinstance(part, int)):
            here = here[part]  # type: ignore[index]
        elif part != loc[-1] or not isinstance(here, dict):
            continue
        place.append(str(part))
    return tuple(place)


def _metrics(path: Path, text: str, found: _File) -> tuple[MetricTable, ...]:
    tables = []
    for number, metric in enumerate(found.metric):
        try:
            tables.append(MetricTable.read(metric, path.parent / metric.file))
        except ValueError as error:
            raise invalid(path, str(error), text, ("metric", str(number), "file")) from error
    return tuple(tables)


def _check_together(path: Path, text: str, found: _File, tag_keys: Collection[str], sinks: Collection[str]) -> None:
    """Check what one entry alone cannot tell: that names differ, and that tag keys and sinks exist."""
    kinds: tuple[tuple[str, tuple[Counted, ...]], ...] = (("budget", found.budget), ("metric", found.metric))
    for kind, entries in kinds:
        names: set[str] = set()
        for number, entry in enumerate(entries):
            place = (kind, str(number))
            if entry.name in names:
                raise invalid(path, f"two {kind}s are named {entry.name!r}", text, (*place, "name"))
            names.add(entry.name)
            for key in entry.tags:
                if key not in tag_keys:
                    given = f"they are {', '.join(sorted(tag_keys))}" if tag_keys else "none is configured"
                    why = f"costs are not told by the tag {key[:50]!r}: of the tag keys in the settings, {given}"
                    raise invalid(path, why, text, (*place, "where", TAGS, key))
    for number, budget in enumerate(found.budget):
        for sink in budget.send:
            if sinks and sink not in sinks:
                why = f"there is no sink {sink!r}; the sinks are {', '.join(sorted(sinks))}"
                raise invalid(path, why, text, ("budget", str(number), "send"))
