"""Records that look like sums of other records. A file that has one is refused: its costs would count twice.

Two signs are looked for, both without a second reading of a file that has neither:

*   a cell says so (see `labels`). The rows of all files are asked once they are staged: there a text that is repeated
    is kept, and compared, once. Only a file where something was found is read again, for the cell and its line;
*   the last record of a text has fewer cells than the one before it, and its costs are the sum of all others.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.consumer.decode.labels import HINT, IN_JSON, LABEL, NAMED, NAMED_BEFORE
from billstream.consumer.decode.last_record import LastRecord, sum_at_the_end
from billstream.consumer.decode.rejects import RejectedRow, locate
from billstream.consumer.decode.scan import Scan, literals
from billstream.consumer.decode.staged import COSTS, Staged
from billstream.consumer.decode.tabular import Tabular
from billstream.consumer.profiles import Binding
from billstream.consumer.profiles.binding import Tags, cells_of
from billstream.consumer.profiles.names import normalised

# Columns whose texts are no labels: units and currencies, and the identity of one thing, which nobody sums up.
_NO_LABELS = frozenset({"billing_currency", "pricing_currency", "resource_id", "resource_name"})
_FREE_TEXTS = frozenset({"charge_description"})
_FREE_NAMES = ("description", "comment", "note", "remark", "memo")
_OTHER_NAMES = ("tag", "label", "resource", "user:", "aws:", "currency", "unit")
_AMOUNTS = (*(f"{cost}_cost" for cost in COSTS), "consumed_quantity")
_SHOWN = 60
_FEW_ROWS = 20_000
"""Up to so many rows, it costs more to prepare a pattern for each column than to join the texts of a row."""


@dataclass(frozen=True)
class _Cells:
    """Cells of a record by what they may say: `labels` name a thing of a kind, `texts` are free."""

    labels: tuple[int, ...]
    texts: tuple[int, ...]


def totals_in(files: Sequence[Tabular], staged: Staged, types: Mapping[str, str], lake: Lake) -> dict[str, str]:
    """Return why files are refused, by load: those with a record that looks like a sum of others.

    Args:
        files: those that were staged.
        staged: their rows.
        types: the columns of `charges` with their DuckDB types.
        lake: has the DuckDB that reads.

    Raises:
        duckdb.Error: a file cannot be read again.
    """
    asked = {f.load_id: f for f in files if f.load_id in staged.loads and _asks(f.header_binding)}
    reasons: dict[str, str] = {}
    if not asked or not staged.paths:
        return reasons
    everyone = len(asked) == len(staged.loads)
    for load_id in _suspects(staged, None if everyone else sorted(asked), lake):
        if load_id in asked and (reason := _labelled(asked[load_id], types, lake)):
            reasons[load_id] = reason
    for load_id, file in asked.items():
        if load_id not in reasons and (last := sum_at_the_end(file, staged.loads[load_id], types, lake)):
            reasons[load_id] = _refusal_of_sum(file, last)
    return reasons


def _asks(binding: Binding) -> bool:
    return binding.profile.records.totals == "refuse"


def _suspects(staged: Staged, load_ids: Sequence[str] | None, lake: Lake) -> list[str]:
    """Return the loads with a text that may be a label, among these or all."""
    rows = f"read_parquet({literals(staged.paths)}, union_by_name = true, hive_partitioning = false)"
    described = lake.engine.execute(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {rows})").fetchall()
    texts = [name for name, kind in described if kind == "VARCHAR" and name not in {*_NO_LABELS, "load_id"}]
    few = sum(load.rows_loaded for load in staged.loads.values()) <= _FEW_ROWS
    hints = {f"concat_ws(' ', {', '.join(texts)})": HINT} if few else dict.fromkeys(texts, HINT)
    hinted = _matching(rows, hints, load_ids, lake)
    # Few files get here, and most of those have such a word in the midst of a description.
    patterns = dict.fromkeys(texts, f"{LABEL}|{NAMED}|{NAMED_BEFORE}") | {"rescued": IN_JSON}
    return _matching(rows, patterns, hinted, lake) if hinted else []


def _matching(rows: str, patterns: Mapping[str, str], load_ids: Sequence[str] | None, lake: Lake) -> list[str]:
    """Return the loads, among these or all, with a text that matches the pattern of its column."""
    # One aggregate for each column: an OR would look at every row, while a repeated text is compared once so. For the
    # same reason the patterns are those of whole texts: DuckDB compares parts of texts row by row.
    found = [f"bool_or(regexp_full_match({name}, {literal(pattern)}))" for name, pattern in patterns.items()]
    among = "" if load_ids is None else f"WHERE list_contains({literals(load_ids)}, load_id) "
    sql = f"SELECT load_id FROM {rows} {among}GROUP BY load_id HAVING {' OR '.join(found)} ORDER BY load_id"
    return [load_id for (load_id,) in lake.engine.execute(sql).fetchall()]


def _labelled(file: Tabular, types: Mapping[str, str], lake: Lake) -> str | None:
    """Return the reason for refusing a file with a record whose cell says that it is a sum; None if it has none."""
    scan = Scan([file], dict(types), number=0, exact=False)
    scan.prepare(lake.engine)
    scan = replace(scan, forms=scan.time_forms(lake.engine))
    binding = file.header_binding
    amounts = [column for column in _AMOUNTS if column in binding.values]
    cases = " ".join(
        f"WHEN {condition} THEN {position}" for position, condition in _signs(cells_with_labels(binding, types))
    )
    if not amounts or not cases:
        return None
    cells = ", ".join(f"c{position}" for position in range(len(binding.names)))
    # A record without an amount adds nothing, whatever it says.
    adds = " OR ".join(f"coalesce({column} <> 0, false)" for column in amounts)
    lake.engine.execute("SET preserve_insertion_order = true")
    try:
        found = lake.engine.execute(
            f"SELECT * FROM (SELECT CASE {cases} END AS sign, [{cells}] FROM {scan.fitting()} AND ({adds})) "
            "WHERE sign IS NOT NULL LIMIT 1"
        ).fetchone()
    finally:
        lake.engine.execute("SET preserve_insertion_order = false")
    if found is None:
        return None
    position, values = found
    (row,) = locate(file, [RejectedRow(file.load_id, None, None, None, tuple(values[: len(binding.header)]), "")])
    return _refusal(binding, row.line, position, values[position])


# -- which cells may say it --------------------------------------------------------------------------------


def cells_with_labels(binding: Binding, types: Mapping[str, str]) -> _Cells:
    """Return the cells of a record that may say that it is a sum: no numbers, times, tags, identities and units."""
    spoken, texts = set[int](), set[int]()
    for column, value in binding.values.items():
        cells = {cell.position for cell in cells_of(value)}  # not the one that chooses among cases: it is a label
        if isinstance(value, Tags):
            spoken |= {position for position, _ in value.columns}
            spoken |= {value.cell} if value.cell is not None else set()
        elif types[column] != "VARCHAR" or column in _NO_LABELS or column.endswith("_unit"):
            spoken |= cells
        elif column in _FREE_TEXTS:
            texts |= cells
    gone = {position for position, _ in binding.unpivoted}
    labels = list[int]()
    for position, name in enumerate(binding.names):
        if position in spoken or position in gone or position in texts:
            continue
        plain = normalised(name)
        if any(word in plain for word in _FREE_NAMES):
            texts.add(position)
        elif not any(name.casefold().startswith(word) and plain != word for word in _OTHER_NAMES):
            labels.append(position)
    return _Cells(tuple(labels), tuple(sorted(texts)))


def _signs(cells: _Cells) -> Iterator[tuple[int, str]]:
    """Yield the signs of a sum: the position of a cell, and the condition under which it says so; never NULL."""
    filled = " + ".join(f"(c{position} IS NOT NULL)::INTEGER" for position in cells.labels) or "0"
    for position in cells.labels:
        yield position, _is(position, LABEL)
        # What looks like a name with such a word is one, unless nothing else is said of the record.
        named = f"{NAMED}|{NAMED_BEFORE}" if len(cells.labels) > 1 else NAMED
        yield position, f"{filled} = 1 AND {_is(position, named)}"
    for position in cells.texts:
        yield position, f"{filled} = 0 AND {_is(position, f'{LABEL}|{NAMED}')}"


def _is(position: int, pattern: str) -> str:
    return f"coalesce(regexp_full_match(c{position}, {literal(pattern)}), false)"


def _refusal(binding: Binding, line: int | None, position: int, text: str) -> str:
    name, shown = binding.names[position], text if len(text) <= _SHOWN else f"{text[:_SHOWN]}*"
    where = f"Line {line}: " if line else ""
    return (
        f"{where}{name!r} is {shown!r}, so the record looks like a sum of others, and its costs would count twice. "
        f"No row of the file is loaded. {_remedy(binding, name, shown)}"
    )


def _refusal_of_sum(file: Tabular, last: LastRecord) -> str:
    name = file.header_binding.names[last.lacking[0]]
    return (
        f"Line {last.line(file)}: the costs of the last record are the sums of all others, and it has fewer cells than "
        f"the one before it, so it looks like their total, and would count twice. No row of the file is loaded. "
        f"{_remedy(file.header_binding, name, '')}"
    )


def _remedy(binding: Binding, name: str, text: str) -> str:
    """Return what to write about records with this text in a cell of this name, whichever they are."""
    name, text = json.dumps(name, ensure_ascii=False), json.dumps(text, ensure_ascii=False)
    return (
        f'Write into [records] of a profile of your own, which may have extends = "{binding.profile.name}": '
        f"leave_out = [{{ from = [{name}], is = [{text}] }}] if it is a sum, "
        'totals = "keep" if it is a charge. Then run `billstream quarantine reload --all`.'
    )
