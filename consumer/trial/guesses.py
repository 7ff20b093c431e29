"""Guesses which header column feeds which column of `charges`: by names that profiles know, then by words."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from billstream.common.lake.tables import CHARGES
from billstream.consumer.decode.values import COST_TYPE, TIME_TYPE
from billstream.consumer.profiles import Profile
from billstream.consumer.profiles.names import normalised

TIME = "charge_period_start"
NUMBERS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost", "consumed_quantity")

_WORDS = {
    TIME: ("date", "day", "time", "period", "month", "datum", "monat", "fecha", "日付"),
    "billed_cost": ("cost", "amount", "charge", "price", "total", "spend", "betrag", "kosten", "montant", "importe"),
    "billing_currency": ("currency", "währung", "waehrung", "devise", "moneda"),
    "x_user_id": ("user", "email", "member"),
    "service_name": ("service", "product"),
    "consumed_quantity": ("quantity", "usage", "credits", "tokens", "units", "menge"),
    "region_id": ("region",),
    "charge_description": ("description", "beschreibung"),
    "resource_id": ("resource",),
}


CATEGORIES = frozenset({"usage", "purchase", "tax", "credit", "adjustment"})
"""The texts of `charge_category` in FOCUS."""


@dataclass(frozen=True)
class Guess:
    """One header column for one column of `charges`; `doubt` is the reason to check it."""

    column: str
    position: int
    doubt: str | None = None


def guesses(
    header: Sequence[str],
    profiles: Sequence[Profile],
    types: dict[str, str],
    kinds: dict[str, Collection[int]],
    tags: Collection[int],
) -> list[Guess]:
    """Return at most one guess for each column; times and numbers only where the cells fit.

    Args:
        header: the names; the first of equal ones counts.
        profiles: known names come from their columns.
        types: the columns of `charges` with their DuckDB types.
        kinds: by type, the positions whose cells are values of it; other types take any position.
        tags: positions that hold one tag each, and are used for nothing else.
    """
    positions: dict[str, int] = {}
    for position, name in enumerate(header):
        positions.setdefault(normalised(name), position)
    positions = {name: position for name, position in positions.items() if position not in tags}
    found: dict[str, Guess] = {}
    taken: set[int] = set()
    for guess in _candidates(positions, profiles, types):
        fits = guess.position in kinds.get(types[guess.column], (guess.position,))
        if fits and guess.column not in found and guess.position not in taken:
            found[guess.column] = guess
            taken.add(guess.position)
    return [found[column] for column in types if column in found]


def _candidates(positions: dict[str, int], profiles: Sequence[Profile], types: dict[str, str]) -> Iterator[Guess]:
    """Yield guesses, the surest first."""
    columns = {normalised(column): column for column in types if column not in {"load_id", "rescued"}}
    yield from (Guess(columns[name], position) for name, position in positions.items() if name in columns)
    known = _known_names(profiles, types)
    ranked = [(known[name], position) for name, position in positions.items() if name in known]
    pairs = [(rank, column, position) for ranks, position in ranked for column, rank in ranks.items()]
    yield from (Guess(column, position) for _, column, position in sorted(pairs))
    for column, words in _WORDS.items():
        for name, position in positions.items():
            if word := next((word for word in words if word in name), None):
                yield Guess(column, position, f"only because its name has {word!r} in it")


def _known_names(profiles: Sequence[Profile], types: dict[str, str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Return, by normalised name, the columns that profiles fill from it, ranked by use, then by alias."""
    votes: Counter[tuple[str, str]] = Counter()
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for profile in (profile for profile in profiles if profile.table == CHARGES):
        for column, source in profile.columns.items():
            simple = [
                name for part in source.first if part.amounts is None and not part.negative for name in part.names
            ]
            for place, name in enumerate(map(normalised, (*source.names, *simple))):
                votes[name, column] += 1
                found[name][column] = min(place, found[name].get(column, place))
    return {
        name: {c: (-votes[name, c], place) for c, place in columns.items() if c in types}
        for name, columns in found.items()
    }


def kinds_of(times: Collection[int], numbers: Collection[int]) -> dict[str, Collection[int]]:
    """Return the argument `kinds` of `guesses`."""
    return {TIME_TYPE: times, COST_TYPE: numbers}
