"""Budgets from a TOML file, each checked, with the line of whatever is wrong."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from billstream.aggregator.budgets.model import TAGS, Budget
from billstream.common.errors import Misconfigured
from billstream.common.toml_lines import line_of

LONGEST_FILE = 1_000_000  # bytes
MOST_BUDGETS = 1000


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    budget: tuple[Budget, ...] = Field((), max_length=MOST_BUDGETS)
    metrics: str | None = Field(None, min_length=1, max_length=1000)
    sink: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class BudgetFile:
    """The content of the file: the budgets in their order, and the file of unit metrics, if it names one.

    `sinks` are the tables `[sink.<name>]` as they are written; whoever sends alerts checks them.
    """

    budgets: tuple[Budget, ...] = ()
    metrics: Path | None = None
    sinks: tuple[str, ...] = ()


def read_budgets(path: Path, tag_keys: Collection[str] = ()) -> BudgetFile:
    """Return the budgets of a file.

    Args:
        path: the file.
        tag_keys: the tag keys that costs are told by; a budget may filter by no others.

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
    _check_together(path, text, found, tag_keys)
    metrics = path.parent / found.metrics if found.metrics else None
    return BudgetFile(found.budget, metrics, tuple(found.sink))


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


def _check_together(path: Path, text: str, found: _File, tag_keys: Collection[str]) -> None:
    """Check what one budget alone cannot tell: that names differ, and that tag keys and sinks exist."""
    known = {key.lower() for key in tag_keys}
    names: set[str] = set()
    for number, budget in enumerate(found.budget):
        place = ("budget", str(number))
        if budget.name in names:
            raise invalid(path, f"two budgets are named {budget.name!r}", text, (*place, "name"))
        names.add(budget.name)
        for key in budget.tags:
            if key.lower() not in known:
                given = f"they are {', '.join(sorted(tag_keys))}" if tag_keys else "none is configured"
                why = f"costs are not told by the tag {key[:50]!r}: of the tag keys in the settings, {given}"
                raise invalid(path, why, text, (*place, "where", TAGS, key))
        for sink in budget.send:
            if sink not in found.sink:
                raise invalid(path, f"there is no table [sink.{sink}]", text, (*place, "send"))
