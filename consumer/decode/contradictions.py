"""Files whose staged rows say that they are of another kind than their profile is for."""

from collections.abc import Sequence

from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.common.lake.tables import CHARGES
from billstream.common.texts import counted
from billstream.consumer.decode.scan import literals, rows_in
from billstream.consumer.decode.staged import Staged
from billstream.consumer.decode.tabular import Tabular
from billstream.consumer.profiles.contradiction import Contradiction


def contradicted(files: Sequence[Tabular], staged: Staged, lake: Lake) -> dict[str, str]:
    """Return the loads of files that are of another kind than their profile is for, each with the reason.

    A file of a profile without `contradictions` costs nothing; the others are asked together, once for each.

    Args:
        files: those that were staged, each with a header.
        staged: their rows.
        lake: its DuckDB reads the rows back.
    """
    found: dict[str, str] = {}
    asked: dict[tuple[str, int], tuple[Contradiction, dict[str, Tabular]]] = {}
    charges = staged.paths_of(CHARGES)
    for file in files if charges else ():
        binding = file.header_binding
        for number, one in enumerate(binding.profile.contradictions):
            # A file that does not tell all of it tells nothing: a column that no cell feeds is not in the staged rows.
            if one.columns <= binding.values.keys() and file.load_id in staged.loads:
                asked.setdefault((binding.profile.name, number), (one, {}))[1][file.load_id] = file
    for one, by_load in asked.values():
        mine = f"list_contains({literals(sorted(by_load))}, load_id)"
        sql = f"SELECT load_id, count(*) FROM {rows_in(charges)} WHERE {mine} AND {_condition(one)} GROUP BY ALL"
        for load_id, count in lake.engine.execute(sql).fetchall():
            reason = by_load[load_id].origin.filled_in(one.reason)
            what = ", ".join(f"{column} {text!r}" for column, text in one.where.items() if text != "*")
            rows = f"{counted(count, 'row')} with {what} {'has' if count == 1 else 'have'} a {one.not_zero}"
            found.setdefault(load_id, f"{rows}: {reason}")
    return found


def _condition(one: Contradiction) -> str:
    texts = [
        f"{column} IS NOT NULL" if text == "*" else f"lower({column}) = {literal(text.lower())}"
        for column, text in one.where.items()
    ]
    return " AND ".join([*texts, f"{one.not_zero} <> 0"])
