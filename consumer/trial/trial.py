"""One file, decoded as in a load, but not loaded into a lake."""

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import duckdb

from billstream.common.errors import Poison
from billstream.common.ids import new_id
from billstream.common.lake.catalog import literal
from billstream.common.lake.tables import CHARGES
from billstream.consumer.commit.ledger import no_row_fits
from billstream.consumer.decide.states import State
from billstream.consumer.decode import PlainText, Staged, StagedLoad, Staging, Tabular, open_tabular
from billstream.consumer.decode.header import by_shape
from billstream.consumer.decode.plain.compression import HEAD_BYTES, packing
from billstream.consumer.decode.staged import NO_CURRENCY
from billstream.consumer.layouts.layout import ManifestOf, RunOf
from billstream.consumer.profiles.origin import Origin
from billstream.consumer.s3.fetch import uncounted
from billstream.consumer.trial.bench import Bench
from billstream.consumer.trial.examples import Feeding, feedings, rescued
from billstream.consumer.trial.fitting import Fit, fits_of
from billstream.consumer.trial.loading import load_manifest, manifest_beside
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
    """The forecast of a load. `refusal` is the reason why the file would not be loaded.

    `state` is the state that the ledger would have; `layout` that of the export which the key is of, None for an
    ordinary file, and `delivery` the export and the period.
    """

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
    state: str = State.LOADED
    layout: str | None = None
    delivery: str | None = None

    @property
    def fine(self) -> bool:
        """True if the whole file would be loaded now."""
        loaded = self.state in {State.LOADED, State.DELIVERED}
        return self.refusal is None and loaded and not self.load.rows_rejected


def try_file(bench: Bench, path: Path, key: str) -> Trial:
    """Open and decode a file as in a load of an object with this key.

    Raises:
        Retryable, Fatal: the fault is not in the file.
    """
    role = bench.layouts.role(key)
    with path.open("rb") as stream:
        kind = packing(stream.read(HEAD_BYTES))
    trial = Trial(path, key, path.stat().st_size, kind.value if kind else None)
    if role is None:
        return _tried(trial, bench, Origin.of(key))
    place = role.place
    trial = replace(trial, layout=role.layout.name, delivery=f"{place.prefix}{place.period}")
    if isinstance(role, ManifestOf):
        return _delivered(trial, bench)
    if isinstance(role, RunOf):
        return _tried(trial, bench, Origin.of(key, place.export))
    # A part alone is never loaded; its manifest, if it is there, tells what it contains.
    manifest = manifest_beside(bench, path, key)
    told = (manifest.dataset, manifest.data_version) if manifest else (None, None)
    trial = _tried(trial, bench, Origin.of(key, place.export, *told))
    return replace(trial, refusal=None, state=State.AWAITING_MANIFEST)


def _delivered(trial: Trial, bench: Bench) -> Trial:
    loaded = load_manifest(bench, trial.path, trial.key)
    load = StagedLoad(rows_loaded=loaded.rows_loaded, rows_rejected=loaded.rows_rejected)
    return replace(trial, load=load, refusal=loaded.reason, state=loaded.state)


def _tried(trial: Trial, bench: Bench, origin: Origin) -> Trial:
    path = trial.path
    try:
        text = bench.text(path)
    except Poison as poison:
        return _refused(trial, str(poison))
    trial = replace(trial, encoding=None if text.parquet else text.encoding, parts=len(text.parts))
    try:
        tabular = open_tabular(new_id(), text, bench.profiles, origin)
    except Poison as poison:
        return _refused(_with_fits(trial, bench, _likely_header(text), origin), str(poison))
    if tabular.binding is None:
        return trial
    return _decoded(_opened(trial, bench, tabular), bench, tabular)


def _refused(trial: Trial, reason: str) -> Trial:
    return replace(trial, refusal=reason, state=State.QUARANTINED)


def _opened(trial: Trial, bench: Bench, tabular: Tabular) -> Trial:
    binding = tabular.binding
    if binding is None:
        raise ValueError("a file without a header has no profile")
    trial = _with_fits(trial, bench, binding.header, tabular.origin)
    return replace(
        trial,
        delimiter=tabular.delimiter or None,
        header_line=None if tabular.text.parquet else tabular.first_line,
        profile=binding.profile.name,
        title=binding.profile.title,
        rescued=rescued(binding),
    )


def _with_fits(trial: Trial, bench: Bench, header: tuple[str, ...], origin: Origin) -> Trial:
    return replace(trial, header=header, fits=tuple(fits_of(bench.profiles, header, origin)))


def _likely_header(text: PlainText) -> tuple[str, ...]:
    """Return the likely header of a file that no profile fits."""
    if text.parquet is not None:
        return text.parquet.names
    lines = list(headers(text.path))
    if shaped := by_shape(lines):
        return shaped.names
    # A line of one cell is a title, or text that is no table.
    return next((header.names for header in lines if len(header.names) > 1), ())


def _decoded(trial: Trial, bench: Bench, tabular: Tabular) -> Trial:
    # The same staging as in a load, so the forecast is what a load does; only the commit is missing.
    staging = Staging(bench.lake)
    # A name of its own: DuckDB remembers what a path held, and takes a file that is written twice at once for the same.
    staged = staging.stage([tabular], new_id())
    load = staged.loads.get(tabular.load_id, _NOTHING)
    poison = (
        staged.poisoned.get(tabular.load_id)
        or no_row_fits(load)
        or uncounted(tabular, of_delivery=trial.layout is not None)
    )
    trial = replace(trial, columns=feedings(bench, tabular, examples=poison is None))
    trial = _refused(trial, poison) if poison else trial
    load = replace(load, rejected=tuple(sorted(load.rejected, key=lambda row: (row.line is None, row.line))))
    try:
        return replace(trial, load=load, totals=_totals(bench, staged, trial))
    finally:
        staging.discard(staged)


def _totals(bench: Bench, staged: Staged, trial: Trial) -> tuple[Total, ...]:
    """Return the sums of a staged load; none when they are too large for a cost."""
    if not staged.paths or any(load.table != CHARGES for load in staged.loads.values()):
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
