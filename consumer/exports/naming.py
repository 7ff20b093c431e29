"""The export that a load belongs to: the source that writes it again and again, whatever the period."""

import re
from dataclasses import dataclass

FOLDER = re.compile(
    r"([a-z0-9]+://(?:[^/]*/)*?)(?:(?:[A-Za-z_][^/=]*=|(?:19|20)[0-9]{2}(?:[^A-Za-z/]|/))[^\n]*|[^/]*)", re.DOTALL
)
"""A URI up to its first folder that is a partition (year=…) or begins with a date (2026/, 202609, 20260901-…).

The migration that fills the coverage of older lakes has the same expression.
"""

_FOCUS = re.compile(r"focus_1_[0-9]+")


@dataclass(frozen=True)
class Source:
    """The export of one load. `whole_period`: it is a part of a delivery, which tells all of its billing period."""

    load_id: str
    export: str
    dataset: str | None
    whole_period: bool


def source_of(load_id: str, scope: str, profile: str | None, delivery: str | None = None) -> Source:
    """Return the export of a load.

    Args:
        load_id: the load.
        scope: the URI of its object.
        profile: the profile that has read it.
        delivery: the scope of the delivery that it is a part of, export://bucket/export/period; None for a plain file.
    """
    dataset = "focus" if profile and _FOCUS.fullmatch(profile) else profile
    if delivery:
        return Source(load_id, delivery.rpartition("/")[0], dataset, whole_period=True)
    folder = match[1] if (match := FOLDER.fullmatch(scope)) else ""
    # Files of two kinds in one folder are two exports: they may tell of the same days.
    return Source(load_id, f"{folder}#{dataset or ''}", dataset, whole_period=False)
