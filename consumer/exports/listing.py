"""All exports of a lake, with what they cover, which of them overlap, and which is preferred."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billstream.common.errors import WrongUsage
from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.consumer.exports.overlaps import read_overlaps
from billstream.consumer.exports.preferences import Preference, read_preferences


@dataclass(frozen=True)
class Export:
    """One export with active loads.

    `rows` are those that count, `rows_set_aside` those that do not; `billed` is by currency, of the rows that count.
    `overlaps_with` names the exports that have the same charges; `preferred` tells whether a preference names it.
    """

    export: str
    datasets: tuple[str, ...]
    providers: tuple[str, ...]
    accounts: tuple[str, ...]
    first_month: date
    last_month: date
    first_day: date
    last_day: date
    loads: int
    rows: int
    rows_set_aside: int
    billed: dict[str, Decimal]
    overlaps_with: tuple[str, ...] = ()
    preferred: bool = False


def list_exports(lake: Lake) -> tuple[list[Export], list[Preference]]:
    """Return every export by its name, and the preferences that hold, the one that comes first in front.

    Raises:
        Retryable: the lake does not answer.
    """
    preferences, overlaps = read_preferences(lake), read_overlaps(lake)
    named = {name for one in preferences for name in one.preferred[:1]}
    found = []
    for read in lake.query(statement(__name__, "exports")).to_pylist(maps_as_pydicts="strict"):
        name, lists = read["export"], ("datasets", "providers", "accounts")
        others = {other for one in overlaps if name in one.exports for other in one.exports} - {name}
        row = read | {column: tuple(read[column] or ()) for column in lists} | {"billed": read["billed"] or {}}
        preferred = bool(named & {name, *row["datasets"]})
        found.append(Export(**row, overlaps_with=tuple(sorted(others)), preferred=preferred))
    return found, preferences


def named_export(exports: Sequence[Export], name: str) -> Export:
    """Return the export of this name, or the one whose name ends with it: bucket and dataset may be left out.

    Raises:
        WrongUsage: there is none, or more than one; the text names those that there are.
    """
    exact = [one for one in exports if one.export == name]
    plain = name.rpartition("://")[2].strip("/")
    found = exact or [one for one in exports if plain and any(_ends(path, plain) for path in _paths(one.export))]
    if len(found) == 1:
        return found[0]
    what = "is the name of no export" if not found else "is the name of more than one export"
    names = ", ".join(one.export for one in found or exports) or "none, as nothing is loaded"
    raise WrongUsage(
        f"{name!r} {what}: nothing was changed. Exports are: {names}. billstream exports list shows what each covers."
    )


def _paths(export: str) -> tuple[str, str]:
    """Return bucket and folder of an export, with its dataset and without."""
    path = export.rpartition("://")[2]
    return path, path.partition("#")[0].rstrip("/")


def _ends(path: str, name: str) -> bool:
    return f"/{path}".endswith(f"/{name}")
