"""One file, decoded as in a load, but not loaded into a lake."""

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import duckdb

from billstream.common.errors import Poison
from billstream.common.ids import new_id
from billstream.common.lake.catalog import literal
from billstream.consumer.decode import PlainText, Staged, StagedLoad, Staging, Tabular, open_tabular
from billstream.consumer.decode.compression import HEAD_BYTES, packing
from billstream.consumer.decode.staged import NO_CURRENCY
from billstream.consumer.trial.bench import Bench
from billstream.consumer.trial.examples import Feeding, feedings, rescued
from billstream.consumer.trial.fitting import Fit, fits_of
from billstream.consumer.trial.sample import headers

_NOTHING = StagedLoad()
COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


@dataclass(frozen=True)
class Total:
    """The sums of the rows of one currency and one consumed unit; None where the file has no such column."""

    currency: str
    unit: str
    rows: int
    costs: dict[str, Decimal | None]
    quantity: Decimal | None


@dataclass(frozen=True)
class Trial:
    """The forecast of a load. `refusal` is the reason why the file would not be loaded."""

    path: Path
    key: str
    size_bytes: int
    packed: str | None
    encoding: str | None = None
    parts: int = 0
    delimiter: str | None = None
    header_line: int | None = None
    header: tuple[str, ...] = ()
    profile: str | None = None
    title: str | None = None
    fits: tuple[Fit, ...] = ()
    columns: tuple[Feeding, ...] = ()
    rescued: tuple[tuple[str, str], ...] = ()  # header column, why
    load: StagedLoad = _NOTHING
    totals: tuple[Total, ...] = ()
    refusal: str | None = None

    @property
    def fine(self) -> bool:
        """True if the whole file would be loaded."""
        return self.refusal is None and not self.load.rows_rejected


def try_file(bench: Bench, path: Path, key: str) -> Trial:
    """Open and decode a file as in a load of an object with this key.

    Raises:
        Retryable, Fatal: the fault is not in the file.
    """
    with path.open("rb") as stream:
        kind = packing(stream.read(HEAD_BYTES))
    trial = Trial(path, key, path.stat().st_size, kind.value if kind else None)
    try:
        text = bench.text(path)
    except Poison as poison:
        return replace(trial, refusal=str(poison))
    trial = replace(trial, encoding=None if text.parquet else text.encoding, parts=len(text.parts))
    try:
        tabular = open_tabular(new_id(), text, bench.profiles, key)
    except Poison as poison:
        return _with_fits(trial, bench, _likely_header(text), refusal=str(poison))
    if tabular.binding is None:
        return trial
    return _decoded(_opened(trial, bench, tabular), bench, tabular)


def _opened(trial: Trial, bench: Bench, tabular: Tabular) -> Trial:
    binding = tabular.binding
    if binding is None:
        raise ValueError("a file without a header has no profile")
    trial = _with_fits(trial, bench, binding.header)
    return replace(
        trial,
        delimiter=tabular.delimiter or None,
        header_line=None if tabular.text.parquet else tabular.first_line,
        profile=binding.profile.name,
        title=binding.profile.title,
        rescued=rescued(binding),
    )


def _with_fits(trial: Trial, bench: Bench, header: tuple[str, ...], refusal: str | None = None) -> Trial:
    return replace(trial, header=header, fits=tuple(fits_of(bench.profiles, header, trial.key)), refusal=refusal)


def _likely_header(text: PlainText) -> tuple[str, ...]:
    """Return the likely header of a file that no profile fits."""
    if text.parquet is not None:
        return text.parquet.names
    # A line of one cell is a title, or text that is no table.
    return next((header.names for header in headers(text.path) if len(header.names) > 1), ())


def _decoded(trial: Trial, bench: Bench, tabular: Tabular) -> Trial:
    # The same staging as in a load, so the forecast is what a load does; only the commit is missing.
    staging = Staging(bench.lake)
    staged = staging.stage([tabular], "trial")
    poison = staged.poisoned.get(tabular.load_id)
    trial = replace(trial, refusal=poison, columns=feedings(bench, tabular, examples=poison is None))
    load = staged.loads.get(tabular.load_id, _NOTHING)
    load = replace(load, rejected=tuple(sorted(load.rejected, key=lambda row: (row.line is None, row.line))))
    try:
        return replace(trial, load=load, totals=_totals(bench, staged, trial))
    finally:
        staging.discard(staged)


def _totals(bench: Bench, staged: Staged, trial: Trial) -> tuple[Total, ...]:
    """Return the sums of a staged load; none when they are too large for a cost."""
    if not staged.paths:
        return ()
    fed = {feeding.column for feeding in trial.columns}
    costs = [column for column in COSTS if column in fed]
    sums = [f"sum({column})" for column in [*costs, *(["consumed_quantity"] if "consumed_quantity" in fed else [])]]
    currency = f"coalesce(billing_currency, {literal(NO_CURRENCY)})"
    unit = "coalesce(consumed_unit, '')" if "consumed_unit" in fed else "''"
    paths = ", ".join(literal(path) for path in staged.paths)
    rows = f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"
    sql = f"SELECT {', '.join([currency, unit, 'count(*)', *sums])} FROM {rows} GROUP BY ALL ORDER BY ALL"
    try:
        found = bench.lake.engine.execute(sql).fetchall()
    except duckdb.OutOfRangeException:
        # Costs that no DECIMAL can hold in sum: the load is possible, its totals are not.
        return ()
    return tuple(
        Total(
            row[0], row[1], row[2], dict(zip(costs, row[3:], strict=False)), row[-1] if len(sums) > len(costs) else None
        )
        for row in found
    )
