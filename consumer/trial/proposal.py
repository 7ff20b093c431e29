"""The proposal of a profile for a file, as TOML for a person to check."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from billstream.common.errors import WrongUsage
from billstream.consumer.decode.values import COST_TYPE, TIME_TYPE
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.profiles.currencies import currency_of
from billstream.consumer.profiles.names import normalised
from billstream.consumer.profiles.told import beside
from billstream.consumer.trial.bench import Bench
from billstream.consumer.trial.dialect import MONTHS, Column, Numbers, Times, columns_of, numbers_of, times_of
from billstream.consumer.trial.draft import Draft, begins
from billstream.consumer.trial.guesses import CATEGORIES, NUMBERS, TIME, Guess, guesses, kinds_of
from billstream.consumer.trial.sample import Sample, read_sample
from billstream.consumer.trial.toml_value import quoted
from billstream.consumer.trial.totals import is_cost_name, kinds_of_records, total_column

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST_NAME = 40
_LABELS = ("Currency", "Billing currency", "Currency code", "Invoice currency", "Währung", "Devise", "Moneda", "币种")
_SHOWN = 4


def propose(bench: Bench, path: Path, name: str | None) -> str:
    """Return a profile for files such as the one at `path`, as TOML.

    Raises:
        Poison: the file cannot be read.
        Fatal: `name` is not a valid name of a profile.
    """
    chosen = _name(path, name, bench.profiles)
    sample = read_sample(bench, path)
    columns = columns_of(sample)
    times, numbers = times_of(sample, columns), numbers_of(sample, columns)
    # Of an empty column nothing is known, so it may be of any kind; in a file without rows, every column is such.
    empty = {column.position for column in columns if not column.cells}
    kinds = kinds_of(times.keys() | (set() if sample.rows else empty), numbers.read.keys() | empty)
    prefixes = _prefixes(sample.header, bench.profiles)
    tags = {position for position, name in enumerate(sample.header) if begins(name, prefixes)}
    total = total_column(sample, columns, numbers, times.keys())
    # Neither a total nor the parts that are added up in its place are costs of their own.
    summed = {total.position, *total.parts} if total else set[int]()
    found = guesses(sample.header, bench.profiles.profiles, bench.types, kinds, tags | summed)
    if not total:
        found = _with_number(found, columns, numbers, times)
    found = _with_time(found, columns, times)
    order = list(bench.types)
    found.sort(key=lambda guess: order.index(guess.column))
    timely = [guess.position for guess in found if bench.types[guess.column] == TIME_TYPE]
    forms = [times[position].forms for position in timely if position in times]
    days = [times[guess.position].forms for guess in found if guess.column == TIME and guess.position in times]
    return Draft(
        name=chosen,
        sample=sample,
        guesses=tuple(
            _doubted(bench, _rivalled(guess, found, columns, numbers), columns, times, numbers) for guess in found
        ),
        forms=tuple(dict.fromkeys(form for each in forms for form in each)),
        doubtful_forms=next((each for each in forms if len(each) > 1), ()),
        numbers=numbers,
        nulls=tuple(sorted({null for column in columns for null in column.nulls})),
        prefixes=prefixes,
        fitting=tuple(binding.profile.name for binding in bench.profiles.fitting(sample.header, str(path))),
        kinds=tuple(kinds_of_records(sample, columns, numbers)),
        total=total,
        monthly=any(form in MONTHS for form in (*days, ())[0]) and all(g.column != "charge_period_end" for g in found),
        currency_label=_currency_label(sample),
    ).toml()


def _name(path: Path, name: str | None, profiles: ProfileRegistry) -> str:
    if name is not None:
        if not _NAME.fullmatch(name):
            raise WrongUsage(
                f"{name!r} is not a valid profile name. Use small letters, digits and _, with a letter first."
            )
        return name
    plain = re.sub(r"[^a-z0-9]+", "_", path.name.split(".")[0].casefold()).strip("_")[:_LONGEST_NAME]
    made = plain if _NAME.fullmatch(plain) else f"profile_{plain}".rstrip("_")
    return f"{made}_own" if made in profiles.names else made


def _with_number(
    found: list[Guess], columns: Sequence[Column], numbers: Numbers, times: dict[int, Times]
) -> list[Guess]:
    """Return the guesses with a column of numbers to add up, if there is one."""
    if any(guess.column in NUMBERS and columns[guess.position].cells for guess in found):
        return found
    taken = {guess.position for guess in found} | times.keys()
    left = [column for column in _firsts(columns) if column.position in numbers.read.keys() - taken]
    likely = next((column for column in left if column.fractional), left[0] if left else None)
    if likely is None:
        return found
    # A billed_cost that was guessed by name has no cells in the sample, or the first test would have returned.
    others = [guess for guess in found if guess.column != "billed_cost"]
    return [*others, Guess("billed_cost", likely.position, "only because its cells are numbers")]


def _with_time(found: list[Guess], columns: Sequence[Column], times: dict[int, Times]) -> list[Guess]:
    """Return the guesses with a time for every charge, which every profile needs."""
    if any(guess.column == TIME for guess in found):
        return found
    taken = {guess.position for guess in found}
    timely = [column.position for column in _firsts(columns) if column.position in times]
    if timely:
        position = next((position for position in timely if position not in taken), timely[0])
        return [*found, Guess(TIME, position, "only because its cells are times")]
    named = next((column.position for column in columns if column.name and column.position not in taken), 0)
    return [*found, Guess(TIME, named, "no column holds times; name the one that does")]


def _rivalled(guess: Guess, found: Sequence[Guess], columns: Sequence[Column], numbers: Numbers) -> Guess:
    """Return the guess with a doubt where other columns may as well be meant, or its texts are not FOCUS's."""
    doubt = None
    if guess.column == "billed_cost":
        taken = {one.position for one in found}
        others = [c.name for c in columns if c.position in numbers.read.keys() - taken and is_cost_name(c.name)]
        doubt = f"or is it {' or '.join(map(quoted, others[:_SHOWN]))}?" if others else None
    elif guess.column in NUMBERS[1:-1] and normalised(columns[guess.position].name) != normalised(guess.column):
        doubt = "only because other vendors name it so"
    elif guess.column == "charge_category":
        unknown = {cell for cell in columns[guess.position].cells if cell.strip().casefold() not in CATEGORIES}
        doubt = f"add `map`: {quoted(min(unknown))} is no category of FOCUS" if unknown else None
    if doubt is None:
        return guess
    return Guess(guess.column, guess.position, f"{guess.doubt}; {doubt}" if guess.doubt else doubt)


def _currency_label(sample: Sample) -> str | None:
    """Return the label above the header beside which a currency stands, if there is one."""
    labels = (
        label
        for label in _LABELS
        if (texts := beside([label], sample.preamble, sample.delimiter or ",")) and currency_of(texts[0])
    )
    return next(labels, None)


def _firsts(columns: Sequence[Column]) -> Iterator[Column]:
    """Yield the first of columns with equal names: a profile cannot name another one."""
    seen: set[str] = set()
    for column in columns:
        if normalised(column.name) not in seen:
            seen.add(normalised(column.name))
            yield column


def _doubted(bench: Bench, guess: Guess, columns: Sequence[Column], times: dict[int, Times], numbers: Numbers) -> Guess:
    """Return the guess, with a doubt where some cells of the sample do not fit the column."""
    cells, kind = len(columns[guess.position].cells), bench.types[guess.column]
    read = times[guess.position].read if kind == TIME_TYPE and guess.position in times else cells
    read = numbers.read.get(guess.position, cells) if kind == COST_TYPE else read
    if read == cells:
        return guess
    doubt = f"{cells - read:,} of {cells:,} cells of the sample do not fit"
    return Guess(guess.column, guess.position, f"{guess.doubt}; {doubt}" if guess.doubt else doubt)


def _prefixes(header: Sequence[str], profiles: ProfileRegistry) -> tuple[str, ...]:
    """Return the prefixes of tag names that other profiles know."""
    known: dict[str, str] = {}  # they are compared in any case
    for source in (source for one in profiles.profiles for source in one.columns.values()):
        for prefix in source.prefixed:
            known.setdefault(prefix.casefold(), prefix)
    return tuple(prefix for prefix in known.values() if any(begins(name, (prefix,)) for name in header))
