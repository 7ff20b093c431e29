"""The SQL of one value of `charges`: a call of a macro, or numbers of several cells put together.

The macros are in `sql/macros.sql`; texts of a profile reach them as literals, and cells by position: c0, c1, …
"""

import re
from collections.abc import Sequence

from billstream.common.lake.catalog import literal
from billstream.consumer.profiles.binding import Cell, First, Product, Sum, Switch, Value, cells_of
from billstream.consumer.profiles.model import NAMED_TIMES, Values

COST_TYPE = "DECIMAL(38,18)"
TIME_TYPE = "TIMESTAMP WITH TIME ZONE"
MAP_TYPE = "MAP(VARCHAR, VARCHAR)"

_EPOCHS = {"epoch_seconds": 1_000_000, "epoch_milliseconds": 1_000}  # microseconds of one unit
_SHAPES = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "[0-9]{1,2}",
    "d": "[0-9]{1,2}",
    "H": "[0-9]{1,2}",
    "I": "[0-9]{1,2}",
    "M": "[0-9]{2}",
    "S": "[0-9]{2}",
    "f": "[0-9]{1,9}",
    "z": "(?:[zZ]|[+-][0-9]{2}(?::?[0-9]{2})?)",
    "p": "[AaPp][Mm]",
    "b": "[A-Za-z]{3}",
    "B": "[A-Za-z]{3,9}",
    "j": "[0-9]{1,3}",
    "%": "%",
}
_DAY_OR_CLOCK = re.compile(r"%-?[djHIz]")


# -- one cell ----------------------------------------------------------------------------------------------


def entries(position: int) -> str:
    """Return the name of the column that has the entries of a cell that is a map."""
    return f"k{position}"


def text_of(cell: Cell, *, of_file: bool = False) -> str:
    """Return the text that a value takes from its cell; NULL where that has no such part.

    `of_file` is for records as they are read, without the columns that `Projection.with_operands` adds.
    """
    text = f"c{cell.position}"
    if cell.key is not None:
        of_map = f"tags_of({text})" if of_file else entries(cell.position)
        text = f"nullif({of_map}[{literal(cell.key)}], '')"
    if cell.pattern is not None:
        text = f"nullif(regexp_extract({text}, {literal(cell.pattern)}, 1), '')"
    if cell.mapping:
        cases = " ".join(f"WHEN {literal(k.casefold())} THEN {literal(v) if v else 'NULL'}" for k, v in cell.mapping)
        text = f"CASE folded({text}) {cases} END"
    return text if cell.where is None else f"CASE WHEN c{cell.where} IS NOT NULL THEN {text} END"


def time_of(cell: Cell, forms: Sequence[str], zone: str) -> str:
    """Return the time that a value takes from its cell: that time, or the start or end of a period; else NULL."""
    text = text_of(cell)
    if cell.part is None:
        return time_value(text, forms, zone)
    number = 1 if cell.part == "start" else 2
    bound = time_value(f"interval_part({text}, {number})", ["iso"], zone)
    of_interval = f"CASE WHEN {is_interval(text)} THEN {bound} END"
    return coalesce([of_interval, time_value(text, forms, zone) if number == 1 else _end_value(text, forms, zone)])


def is_interval(text: str) -> str:
    """Return the condition under which a text is an interval in ISO 8601, or should be; most texts are too short."""
    return f"length({text}) > 20 AND contains({text}, '/')"


def time_value(cell: str, forms: Sequence[str], zone: str) -> str:
    """Return `cell` as TIMESTAMPTZ when it is written in one of `forms`, else NULL.

    Args:
        cell: the name of a text column.
        forms: iso, epoch_seconds, epoch_milliseconds, or strptime formats; the first that fits is taken. A month is its
            first day.
        zone: the time zone of texts without an offset.
    """
    readings = []
    for form in forms:
        if form == "iso":
            readings.append(f"iso_time({cell})" if zone == "UTC" else f"iso_time_in({cell}, {literal(zone)})")
        elif form in _EPOCHS:
            readings.append(f"epoch_time({cell}, {_EPOCHS[form]})")
        else:
            written = f"{cell}, {literal(shape_of(form))}, {literal(form)}"
            zoned = f"formatted_time_with_offset({written})"
            readings.append(zoned if "%z" in form else f"formatted_time({written}, {literal(zone)})")
    return coalesce(readings or [f"NULL::{TIME_TYPE}"])


def shape_of(form: str) -> str:
    """Return the regular expression of the texts that a strptime format is for.

    Numbers that nothing separates have all their digits; the year of a compact month (202609) is of this century or the
    last: other numbers of six digits are none, but perhaps days such as 260913.
    """
    # Every second part of the split is a directive; the others stand for themselves.
    parts = re.split(r"%-?(.)", form)
    compact_month = not any(parts[::2]) and not _DAY_OR_CLOCK.search(form)
    shapes = []
    for number, part in enumerate(parts):
        if not number % 2:
            shapes.append(re.escape(part))
            continue
        beside = (number > 1 and not parts[number - 1]) or (number < len(parts) - 2 and not parts[number + 1])
        shape = _SHAPES[part].replace("{1,2}", "{2}").replace("{1,3}", "{3}") if beside else _SHAPES[part]
        shapes.append("(?:19|20)[0-9]{2}" if compact_month and part == "Y" else shape)
    return rf"\s*{''.join(shapes)}\s*"


def _end_value(cell: str, forms: Sequence[str], zone: str) -> str:
    """Return the end of the month that `cell` names; NULL for any other text: not every bill of a day ends with it."""
    readings = []
    for form in forms:
        if form not in NAMED_TIMES and not _DAY_OR_CLOCK.search(form):
            end = f"timezone({literal(zone)}, try_strptime({cell}, {literal(form)}) + INTERVAL 1 MONTH)"
            readings.append(f"CASE WHEN regexp_full_match({cell}, {literal(shape_of(form))}) THEN {end} END")
    # Most cells are days or times, and one look at a few characters shows it.
    end = coalesce(readings or [f"NULL::{TIME_TYPE}"])
    return f"CASE WHEN NOT is_iso_time({cell}) THEN {end} END" if readings and "iso" in forms else end


def plain_number(cell: str, values: Values) -> str:
    """Return the text of a number without currency signs and groups, and with a point: '$10,000.00 ' as '10000.00'.

    Digits are grouped by three or not at all, and brackets are a minus, as accountants write it. A text that is
    written otherwise stays as it is, unless the decimal point is a comma: then it is NULL.
    """
    symbols = "|".join(re.escape(symbol) for symbol in values.symbols)
    sign = rf"\s*(?:{symbols})?\s*" if symbols else r"\s*"
    grouped = rf"[0-9]{{1,3}}(?:{re.escape(values.thousands)}[0-9]{{3}})+|" if values.thousands else ""
    point = re.escape(values.decimal_point)
    digits = rf"(?:{grouped}[0-9]+)(?:{point}[0-9]*)?"
    signed = rf"[+-]?{sign}{digits}{sign}"
    pattern = rf"\s*(?:{signed}|{sign}[+-]{digits}{sign}|\({signed}\))\s*"
    dropped = rf"[^0-9+\-{point}]"
    return f"plain_number({cell}, {literal(pattern)}, {literal(dropped)}, {literal(values.decimal_point)})"


def amounts(cell: str, name: str, *, exact: bool) -> str:
    """Return the sum of the numbers called `name` in a JSON array of objects; NULL unless each object has one."""
    pattern = rf'"{re.escape(name)}"\s*:\s*"?(-?[0-9][0-9.eE+-]*)"?\s*[,}}]'
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    path = f'$."{quoted}"'
    return f"{'exact' if exact else 'rounded'}_amounts({cell}, {literal(pattern)}, {literal(path)})"


# -- numbers of several cells ------------------------------------------------------------------------------


def is_one_cell(value: Value) -> bool:
    """Return whether a number is one cell and nothing else."""
    return isinstance(value, Cell) and value == Cell(value.position)


def operand(cell: Cell) -> str:
    """Return the name of the column that has the number of a cell, as a term of an expression."""
    # In hexadecimal, as the name is a text of the profile, and no text becomes SQL.
    field = "" if cell.amounts is None else "_" + cell.amounts.encode("utf-8").hex()
    return f"n{cell.position}{field}"


def number(value: Value, *, exact: bool) -> str:
    """Return the number of an expression over operands; `exact` means that a product that has to be rounded is NULL."""
    if isinstance(value, Product):
        one, other = (_counted(cell) for cell in value.cells)
        return f"decimal_product({one}, {other}, {str(exact).lower()})"
    if isinstance(value, Switch):
        cases = " ".join(f"WHEN {literal(text.casefold())} THEN {_added(part)}" for text, part in value.cases.items())
        return f"CASE folded(c{value.by}) {cases} ELSE {_added(value.otherwise)} END"
    if isinstance(value, First):
        return coalesce([_counted(cell) for cell in value.cells])
    return _added(value if isinstance(value, Sum) else Sum(tuple(cells_of(value))))


def is_due(value: Sum | Switch | None) -> str:
    """Return the condition under which a sum has anything to add."""
    if isinstance(value, Switch):
        cases = " ".join(f"WHEN {literal(text.casefold())} THEN {is_due(part)}" for text, part in value.cases.items())
        return f"(CASE folded(c{value.by}) {cases} ELSE {is_due(value.otherwise)} END)"
    if value is None or not value.cells:
        return "false"
    return "(" + " OR ".join(f"{operand(cell)} IS NOT NULL{_or_zero(cell)}" for cell in value.cells) + ")"


def coalesce(parts: Sequence[str]) -> str:
    """Return the first part that is not NULL."""
    return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"


def _counted(cell: Cell) -> str:
    """Return a term with its sign; zero where the cell that rules it out has a value."""
    signed = f"(-{operand(cell)})" if cell.negative else operand(cell)
    if cell.unless is None:
        return signed
    return f"(CASE WHEN {_ruled_out(cell)} THEN 0 ELSE {signed} END)"


def _ruled_out(cell: Cell) -> str:
    """Return the condition under which a number counts as zero, whatever is written there."""
    return f"(c{cell.unless} IS NOT NULL AND c{cell.position} IS NOT NULL)"


def _or_zero(cell: Cell) -> str:
    return "" if cell.unless is None else f" OR {_ruled_out(cell)}"


def _added(value: Sum | None) -> str:
    # A case whose cells the header lacks is not zero: nobody knows its number.
    if value is None:
        return f"NULL::{COST_TYPE}"
    if not value.cells:
        return f"0::{COST_TYPE}"
    terms = " + ".join(f"coalesce({_counted(cell)}, 0)" for cell in value.cells)
    # `try`, because the sum may have more digits than the type: NULL is then a fault of the record, not of the file.
    return f"CASE WHEN {is_due(value)} THEN try({terms})::{COST_TYPE} END"
