"""The draft of a profile, as TOML for a person to check."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from billstream.consumer.profiles.currencies import with_currency
from billstream.consumer.profiles.names import CURRENCY
from billstream.consumer.trial.dialect import Numbers
from billstream.consumer.trial.guesses import NUMBERS, TIME, Guess
from billstream.consumer.trial.sample import Sample
from billstream.consumer.trial.toml_value import array, quoted
from billstream.consumer.trial.totals import Kinds, Total

_CURRENCIES = {"€": "EUR", "£": "GBP", "₹": "INR"}


@dataclass(frozen=True)
class Draft:
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
    kinds: tuple[Kinds, ...] = ()
    total: Total | None = None
    monthly: bool = False
    currency_label: str | None = None

    def toml(self) -> str:
        """Return the text of the profile's file."""
        parts = [self._head(), self._match(), self._records(), self._values(), self._columns(), self._rest()]
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
        needs += ["billed_cost"] if self.total else []
        yield "\n[match]"
        yield f"needs = {array(needs)}"
        yield "# Header names that distinguish such files from others; remove those that may be missing."
        parts = self.total.parts if self.total and not self.total.unpivoted else ()
        named = [*(self._named(guess) for guess in self.guesses), *(self.sample.header[p] for p in parts)]
        yield f"one_of = [{array(dict.fromkeys(named))}]"

    def _records(self) -> Iterator[str]:
        """Yield the words for records and columns that are sums of others."""
        totals = [kind for kind in self.kinds if kind.totals]
        if totals:
            yield "\n[records]"
            yield "# CHECK: these texts say that a record is the sum of others, whose costs would count twice."
            entries = (
                f"{{ from = {array([self.sample.header[k.position]])}, is = {array(k.totals)} }}" for k in totals
            )
            yield f"leave_out = [{', '.join(entries)}]"
        for kind in self.kinds:
            if not kind.totals and kind.texts:
                named = array([self.sample.header[kind.position]])
                yield f"# CHECK: {named} tells kinds of records, and each counts. If only some are charges, say so:"
                yield f"# [records] only = [{{ from = {named}, is = {array(kind.texts)} }}]"
        if self.total and self.total.unpivoted:
            kept = [name for p, name in enumerate(self.sample.header) if name and p not in self.total.parts]
            yield "\n[unpivot]"
            yield f"# CHECK: {self._total} is the sum of the columns that are not kept."
            yield f"keep = {array(kept)}"
            yield 'name = "column_name"\nvalue = "column_cell"'

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
            if self.total and self.total.unpivoted and guess.column == "service_name":
                continue  # it is the name of the column
            required = ", required = true" if guess.column == TIME else ""
            doubt = f"  # CHECK: {guess.doubt}" if guess.doubt else ""
            tags = f", prefixed = {array(self.prefixes)}" if guess.column == "tags" and self.prefixes else ""
            yield f"{guess.column} = {{ from = {array([self._named(guess)])}{tags}{required} }}{doubt}"
            if guess.column == TIME and self.monthly:
                yield f'charge_period_end = {{ from = {array([self._named(guess)])}, part = "end" }}'
        if self.total and self.total.unpivoted:
            yield 'service_name = { from = ["column_name"] }  # CHECK: the names of the columns that add up'
            yield 'billed_cost = { from = ["column_cell"] }'
        elif self.total:
            parts = array(self.sample.header[position] for position in self.total.parts)
            yield f"billed_cost = {{ sum = {parts} }}  # CHECK: {self._total} is their sum"
        if self.prefixes and not any(guess.column == "tags" for guess in self.guesses):
            yield f"tags = {{ prefixed = {array(self.prefixes)} }}"
        yield from self._constants({guess.column for guess in self.guesses})

    def _constants(self, there: set[str]) -> Iterator[str]:
        costs = [guess for guess in self.guesses if guess.column in NUMBERS[:-1]]
        if there.isdisjoint(NUMBERS) and not self.total:
            yield '# CHECK: no cost was found. billed_cost = { from = ["…"] }'
        elif "billing_currency" in there or not (costs or self.total):
            pass
        elif self.currency_label is not None:
            yield f"billing_currency = {{ preamble = {array([self.currency_label])} }}"
        elif told := next((name for name in self._names_of_costs() if CURRENCY in name), None):
            yield f"billing_currency = {{ of_name = {array([told])} }}"
        else:
            codes = [_CURRENCIES.get(symbol, "USD") for symbol in self.numbers.symbols]
            yield f"# billing_currency = {{ constant = {quoted((codes or ['USD'])[0])} }}  # no column names a currency"
        if "consumed_quantity" in there and "consumed_unit" not in there:
            yield '# consumed_unit = { constant = "Credits" }  # no column names a unit'

    def _rest(self) -> Iterator[str]:
        used = {guess.position for guess in self.guesses}
        used |= {self.total.position, *self.total.parts} if self.total else set()
        left = [
            name
            for position, name in enumerate(self.sample.header)
            if position not in used and not begins(name, self.prefixes)
        ]
        if left:
            yield "\n# Not mapped; the cells of these columns stay in `rescued`, as JSON:"
            yield from (f"#   {quoted(name)}" for name in left)

    def _names_of_costs(self) -> Iterator[str]:
        yield from (self._named(guess) for guess in self.guesses if guess.column in NUMBERS[:-1])
        if self.total and self.total.unpivoted:
            yield with_currency(self.sample.header[self.total.position])

    @property
    def _total(self) -> str:
        return quoted(self.sample.header[self.total.position]) if self.total else ""

    def _named(self, guess: Guess) -> str:
        name = self.sample.header[guess.position]
        return with_currency(name) if guess.column in NUMBERS[:-1] else name


def begins(name: str, prefixes: Sequence[str]) -> bool:
    """Return whether a name begins with one of `prefixes`, in any case, and goes on."""
    return any(name.casefold().startswith(prefix.casefold()) and len(name) > len(prefix) for prefix in prefixes)
