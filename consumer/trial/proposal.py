"""The proposal of a profile for a file, as TOML for a person to check."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from billstream.common.errors import WrongUsage
from billstream.consumer.decode.values import COST_TYPE, TIME_TYPE
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.profiles.names import normalised
from billstream.consumer.trial.bench import Bench
from billstream.consumer.trial.dialect import Column, Numbers, Times, columns_of, numbers_of, times_of
from billstream.consumer.trial.guesses import NUMBERS, TIME, Guess, guesses, kinds_of
from billstream.consumer.trial.sample import Sample, read_sample
from billstream.consumer.trial.toml_value import array, quoted

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST_NAME = 40
_CURRENCIES = {"€": "EUR", "£": "GBP", "₹": "INR"}


@dataclass(frozen=True)
class Proposal:
    """The proposed profile and its basis."""

    name: str
    sample: Sample
    guesses: tuple[Guess, ...]
    forms: tuple[str, ...]
    doubtful_forms: tuple[str, ...]
    numbers: Numbers
    nulls: tuple[str, ...]
    prefixes: tuple[str, ...]
    fitting: tuple[str, ...]

    def toml(self) -> str:
        """Return the text of the profile's file."""
        parts = [self._head(), self._match(), self._values(), self._columns(), self._rest()]
        return "\n".join(line for part in parts for line in part) + "\n"

    def _head(self) -> Iterator[str]:
        yield f"# Proposed from {quoted(self.sample.path.name)}, from {self.sample.rows:,} of its rows."
        yield "# Check it, correct it, and save it as *.toml in the folder that BILLSTREAM_PROFILES_DIR names;"
        yield "# `billstream profile test FILE` then shows how it reads a file. CHECK marks what was only guessed."
        if self.fitting:
            yield f"# {', '.join(self.fitting)} fits this header already; a profile of your own takes precedence."
        yield f"name = {quoted(self.name)}"
        yield f"title = {quoted(f'files such as {self.sample.path.name}')}"

    def _match(self) -> Iterator[str]:
        needs = [TIME, *(guess.column for guess in self.guesses if guess.column in NUMBERS)]
        yield "\n[match]"
        yield f"needs = {array(needs)}"
        yield "# Header names that distinguish such files from others; remove those that may be missing."
        yield f"one_of = [{array(dict.fromkeys(self._named(guess) for guess in self.guesses))}]"

    def _values(self) -> Iterator[str]:
        yield "\n[values]"
        yield f"nulls = {array(self.nulls)}  # cells that mean no value, beside the empty cell"
        if self.doubtful_forms:
            yield f"# CHECK: the sample's dates fit {' and '.join(self.doubtful_forms)}. Keep the right one:"
            yield "# with both, a file whose dates fit both is refused."
        yield f"times = {array(self.forms or ('iso',))}"
        yield '# time_zone = "UTC"  # of times without an offset'
        if self.numbers.symbols:
            yield f"symbols = {array(self.numbers.symbols)}"
        if self.numbers.doubtful:
            yield "# CHECK: the sample's numbers do not show whether the decimal point is a comma or a point."
        if self.numbers.thousands:
            yield f"thousands = {quoted(self.numbers.thousands)}"
        if self.numbers.decimal_point != ".":
            yield f"decimal_point = {quoted(self.numbers.decimal_point)}"

    def _columns(self) -> Iterator[str]:
        yield "\n[columns]"
        for guess in self.guesses:
            required = ", required = true" if guess.column == TIME else ""
            doubt = f"  # CHECK: {guess.doubt}" if guess.doubt else ""
            tags = f", prefixed = {array(self.prefixes)}" if guess.column == "tags" and self.prefixes else ""
            yield f"{guess.column} = {{ from = {array([self._named(guess)])}{tags}{required} }}{doubt}"
        if self.prefixes and not any(guess.column == "tags" for guess in self.guesses):
            yield f"tags = {{ prefixed = {array(self.prefixes)} }}"
        yield from self._constants({guess.column for guess in self.guesses})

    def _constants(self, there: set[str]) -> Iterator[str]:
        if there.isdisjoint(NUMBERS):
            yield '# CHECK: no cost was found. billed_cost = { from = ["…"] }'
        elif "billing_currency" not in there and not there.isdisjoint(NUMBERS[:-1]):
            codes = [_CURRENCIES.get(symbol, "USD") for symbol in self.numbers.symbols]
            yield f"# billing_currency = {{ constant = {quoted((codes or ['USD'])[0])} }}  # no column names a currency"
        if "consumed_quantity" in there and "consumed_unit" not in there:
            yield '# consumed_unit = { constant = "Credits" }  # no column names a unit'

    def _rest(self) -> Iterator[str]:
        used = {guess.position for guess in self.guesses}
        left = [
            name
            for position, name in enumerate(self.sample.header)
            if position not in used and not _begins(name, self.prefixes)
        ]
        if left:
            yield "\n# Not mapped; the cells of these columns stay in `rescued`, as JSON:"
            yield from (f"#   {quoted(name)}" for name in left)

    def _named(self, guess: Guess) -> str:
        return self.sample.header[guess.position]


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
    tags = {position for position, name in enumerate(sample.header) if _begins(name, prefixes)}
    found = guesses(sample.header, bench.profiles.profiles, bench.types, kinds, tags)
    found = _with_time(_with_number(found, columns, numbers, times), columns, times)
    order = list(bench.types)
    found.sort(key=lambda guess: order.index(guess.column))
    timely = [guess.position for guess in found if bench.types[guess.column] == TIME_TYPE]
    forms = [times[position].forms for position in timely if position in times]
    return Proposal(
        name=chosen,
        sample=sample,
        guesses=tuple(_doubted(bench, guess, columns, times, numbers) for guess in found),
        forms=tuple(dict.fromkeys(form for each in forms for form in each)),
        doubtful_forms=next((each for each in forms if len(each) > 1), ()),
        numbers=numbers,
        nulls=tuple(sorted({null for column in columns for null in column.nulls})),
        prefixes=prefixes,
        fitting=tuple(binding.profile.name for binding in bench.profiles.fitting(sample.header, str(path))),
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
    known = {p: None for one in profiles.profiles for source in one.columns.values() for p in source.prefixed}
    return tuple(prefix for prefix in known if any(_begins(name, (prefix,)) for name in header))


def _begins(name: str, prefixes: Sequence[str]) -> bool:
    return any(name.casefold().startswith(prefix.casefold()) and len(name) > len(prefix) for prefix in prefixes)
