"""A profile in words."""

from collections.abc import Iterator, Sequence

from billstream.consumer.profiles import Profile, Source
from billstream.consumer.profiles.model import Match, Operand, Values
from billstream.consumer.profiles.records import Condition


def origin(source: Source) -> str:
    """Return the source of one column, such as `the first of a, b that has a value; required`."""
    parts = [_made_of(source)]
    if source.prefixed:
        parts.append(f"each column that begins with {_either(source.prefixed)} is one tag")
    if source.mapping is not None:
        parts.append(_mapped(source.mapping, source.otherwise))
    if source.never:
        parts.append(f"a file that has {_either(tuple(source.never))} is refused")
    if source.preamble:
        parts.append(
            f"{'where it is empty, ' if parts[0] else ''}the text beside {_either(source.preamble)} above the header"
        )
    if source.of_name:
        parts.append(f"{'where it is empty, ' if any(parts) else ''}the currency in the name of {_one(source.of_name)}")
    if source.default is not None:
        parts.append(f"{source.default!r} where it is empty")
    if source.required:
        parts.append("required")
    return "; ".join(part for part in parts if part)


def conditions(match: Match) -> Iterator[str]:
    """Yield the conditions under which a profile fits a file; all of them must hold."""
    if match.needs:
        yield f"the header has a source for {', '.join(match.needs)}"
    if match.one_of:
        yield "the header has " + ", or ".join(" and ".join(map(repr, names)) for names in match.one_of)
    if match.none:
        yield f"the header has no {_either(match.none)}"
    if match.keys:
        yield f"the key is like {_either(match.keys)}"
    if match.datasets:
        told = " or ".join(repr(one) if one else "none" for one in match.datasets)
        yield f"the dataset that the manifest tells is {told}{', before the name counts' if match.keys else ''}"


def selection(profile: Profile) -> Iterator[str]:
    """Yield which records of a file are charges, as far as not all are."""
    records, unpivot = profile.records, profile.unpivot
    if unpivot:
        kept = _either(unpivot.keep)
        yield f"each cell is a record, {unpivot.value!r} beside {unpivot.name!r}, except in the columns {kept}"
    if records.only:
        yield f"charges: records whose {'; and whose '.join(map(_condition, records.only))}"
    if records.leave_out:
        yield f"left out: records whose {'; or whose '.join(map(_condition, records.leave_out))}"
    if records.short_rows == "pad":
        yield "records that lack trailing cells get empty ones"
    if records.undated != "reject":
        yield f"a record without a time has that of the {records.undated} charge"
    if records.totals == "keep":
        yield "labels such as Total are names"


def _condition(condition: Condition) -> str:
    return f"{_one(condition.names)} is {_either(condition.texts)}"


def manner(values: Values) -> Iterator[str]:
    """Yield the notation of the cells of a file."""
    yield f"times as {' or '.join(values.times)}; in {values.time_zone} where they name no offset"
    grouping = f", grouped by {values.thousands!r}" if values.thousands else ""
    signs = f", with {_either(values.symbols)}" if values.symbols else ""
    yield f"numbers with {values.decimal_point!r} before the decimals{grouping}{signs}"
    yield f"no value: the empty cell{''.join(f', {null!r}' for null in values.nulls)}"
    if values.footers:
        yield f"no rows: last lines with a cell that begins with {_either(values.footers)}"
    if values.bracketed_names:
        yield "header names also in brackets, as in `Kosten (Cost)`"


def sources_of(profile: Profile, column: str) -> str:
    """Return the header names that could have fed a column."""
    return _made_of(profile.columns[column]) or origin(profile.columns[column])


def _made_of(source: Source) -> str:
    if source.constant is not None:
        return f"always {source.constant!r}"
    if source.by:
        cases = [f"{text!r}: {_added(operands)}" for text, operands in source.cases.items()]
        if isinstance(source.otherwise, tuple):
            cases.append(f"any other: {_added(source.otherwise)}")
        return f"by {_one(source.by)}: {'; '.join(cases)}"
    if source.product:
        return " times ".join(map(_operand, source.product))
    if source.sum:
        return _added(source.sum)
    if source.first:
        return f"the first of {', '.join(map(_operand, source.first))} that has a value"
    return _one(source.names) if source.names else ""


def _mapped(mapping: dict[str, str], otherwise: object) -> str:
    texts = [f"{text!r} as {other!r}" for text, other in mapping.items()]
    if isinstance(otherwise, str):
        texts.append(f"any other as {otherwise!r}")
    return ", ".join(texts)


def _added(operands: Sequence[Operand]) -> str:
    return " + ".join(map(_operand, operands)) if operands else "0"


def _operand(operand: Operand) -> str:
    cell = _one(operand.names)
    number = cell if operand.amounts is None else f"the {operand.amounts!r} in {cell}"
    counted = f"(-{number})" if operand.negative else number
    return f"({counted} unless {_one(operand.unless)} has a value)" if operand.unless else counted


def _one(names: Sequence[str]) -> str:
    return " or ".join(names)


def _either(names: Sequence[str]) -> str:
    return " or ".join(map(repr, names))
