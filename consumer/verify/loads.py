"""Charges, and the other tables of loads, against the ledger: the rows, the sums and the hash of each load."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.common.lake.datafiles import data_files
from billstream.common.lake.tables import CHARGES
from billstream.common.statements import statement
from billstream.common.texts import counted, decimal_text
from billstream.consumer.decode import COSTS
from billstream.consumer.decode.row_hash import hash_of_row, hashed_columns
from billstream.consumer.exports.deciding import unsettled
from billstream.consumer.verify.finding import Check, Cure, Finding


def load_findings(lake: Lake, snapshot_id: int) -> Iterator[Finding]:
    """Find every load whose rows are not exactly as the ledger records them.

    Args:
        lake: with the proof's snapshot fixed.
        snapshot_id: that snapshot.

    Raises:
        DataDamaged, Fatal: the rows cannot be read; a data file may be the cause.
    """
    made = set[str]()
    for table, columns in lake.columns_of_loads().items():
        hashes = _hashes(lake, table, columns)
        of_row = " ".join(f"WHEN {literal(how)} THEN {sql}" for how, sql in hashes.items())
        hash_of_row = f"CASE a.hashed_by {of_row} END" if hashes else "NULL::HUGEINT"
        of_table = {} if table == CHARGES else {"table": table}
        counting = statement(__name__, "others" if of_table else "charges", hash_of_row=hash_of_row, **of_table)
        lake.run(counting, [snapshot_id])
        made |= hashes.keys()
    known = f"[{', '.join(map(literal, sorted(made)))}]"
    for row in lake.query(statement(__name__, "loads", hashed_by=known), [snapshot_id]).to_pylist():
        if row["active"] and not row["data_files"]:  # where they should be
            row["data_files"] = [
                file.path for file in data_files(lake, row["table_name"]) if file.may_hold(row["load_id"])
            ]
        yield _active(row) if row["active"] else _not_active(row)


def unsettled_findings(lake: Lake) -> Iterator[Finding]:
    """Find every load of which rows are not where the preferences between exports want them."""
    chosen = unsettled(lake)
    here = "are in charges, but a preferred export has the same"
    there = "are set aside, but no preferred export has the same"
    for lines, problem in ((chosen.out, here), (chosen.back, there)):
        for line, days in lines.items():
            rows = f"its rows of {counted(len(days), 'day')} of {line.billing_month:%Y-%m}"
            found = f"{rows} {problem}: run billstream exports apply"
            yield Finding(Check.CHARGES, found, Cure.SETTLE, load_id=line.load_id)


def count_unhashed(lake: Lake) -> int:
    """Return the number of active loads with rows whose hash this version cannot make, or that have none."""
    made = "SELECT hashed_by, count(*) FROM verify_active WHERE rows_loaded > 0 GROUP BY ALL"
    known = {how for table, columns in lake.columns_of_loads().items() for how in _hashes(lake, table, columns)}
    return sum(count for how, count in lake.rows(made) if how not in known)


def _hashes(lake: Lake, name: str, table: Mapping[str, str]) -> dict[str, str]:
    """Return the SQL of a row's hash for each way in which hashes of active loads were made, if it is known here.

    Args:
        lake: with the proof's snapshot fixed.
        name: the table with the rows.
        table: its columns with their types.
    """
    made = lake.rows("SELECT DISTINCT hashed_by FROM verify_active WHERE hashed_by IS NOT NULL ORDER BY ALL")
    columns = {how: hashed_columns(how, list(table), name) for (how,) in made}
    return {how: _row(names, table) for how, names in columns.items() if names}


def _row(columns: Sequence[str], table: Mapping[str, str]) -> str:
    """Return the SQL of one row's hash; one more where a column has a value that was in no file."""
    others = " OR ".join(f"c.{name} IS NOT NULL" for name in table if name not in columns)
    return f"{hash_of_row(columns, table, of='c.')}::HUGEINT + ({others or 'false'})::INTEGER"


def _active(row: dict[str, Any]) -> Finding:
    """Describe an active load whose rows differ; its object has them."""
    problems = []
    if row["ledger_rows"] != row["charges_rows"]:
        problems.append(
            f"{row['table_name']} holds {counted(row['charges_rows'], 'row')}, the ledger says {row['ledger_rows']:,}"
        )
    for cost in COSTS:
        recorded, summed = _totals(row[f"ledger_{cost}"]), _totals(row[f"charges_{cost}"])
        problems += [
            f"the {cost} costs in {currency} add up to {_amount(summed, currency)}, "
            f"the ledger says {_amount(recorded, currency)}"
            for currency in sorted(recorded.keys() | summed.keys())
            if recorded.get(currency) != summed.get(currency)
        ]
    return Finding(
        Check.CHARGES,
        f"{'; '.join(problems) or 'the values of its rows are not those that were loaded'}."
        f"{_in_files(row['data_files'])}",
        Cure.RELOAD,
        scope=row["scope"],
        bucket=row["bucket"],
        key=row["key"],
        load_id=row["load_id"],
        data_files=tuple(row["data_files"]),
    )


def _in_files(paths: Sequence[str]) -> str:
    return f" Data file: {', '.join(paths)}." if paths else ""


def _not_active(row: dict[str, Any]) -> Finding:
    known = "a load that is not active" if row["scope"] else "a load that the ledger does not know"
    return Finding(
        Check.CHARGES,
        f"{row['table_name']} holds {counted(row['charges_rows'], 'row')} of {known} ({row['load_id']})."
        f"{_in_files(row['data_files'])}",
        # Rows of a load that is active in the catalog stay, whatever the ledger says: see `claims`.
        Cure.NONE if row["active_in_catalog"] else Cure.RETRACT,
        scope=row["scope"],
        load_id=row["load_id"],
        data_files=tuple(row["data_files"]),
    )


def _totals(pairs: list[dict[str, Any]] | None) -> dict[str, Decimal]:
    return {pair["key"]: pair["value"] for pair in pairs or []}


def _amount(totals: dict[str, Decimal], currency: str) -> str:
    return decimal_text(totals[currency]) if currency in totals else "nothing"
