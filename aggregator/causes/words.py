"""Sentences about changes and their causes. Names in them are others': whoever shows a sentence escapes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billstream.aggregator.causes.values import Cause, Part, PriceVolume


@dataclass(frozen=True)
class Course:
    """How an anomaly goes. `open`: it goes on. `new`: its series begins; False: a series that usually costs nothing."""

    open: bool = False
    new: bool = True


LONGEST_NAME = 80
MOST_UNTOLD = Decimal("0.1")
"""Price and quantity are named when all other parts of a change together are at most this part of it."""

LEAST_TOLD = Decimal("0.0001")
"""A price or quantity that made less of a change is told as none: unit prices of vendors are rounded."""

JOINED = {"region": "in", "user": "of", "account": "of", "category": "of", "sku": "of", "provider": "from"}
"""The word before a dimension that follows another one."""


def name_in_words(value: str | None, dimension: str) -> str:
    """Return a name as one line of at most 80 characters."""
    if value is None:
        return f"charges without a {dimension}"
    text = "".join(char if char.isprintable() else " " for char in value)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def amount_in_words(value: Decimal, currency: str | None) -> str:
    """Return an amount for people: whole from 100 on, else with two decimals, or two digits where it is smaller."""
    size = abs(value)
    if size >= 100 or not size:  # noqa: PLR2004 - the docstring has it
        text = f"{value:,.0f}"
    elif size >= Decimal("0.1"):
        text = f"{value:,.2f}"
    else:
        text = f"{Decimal(f'{value:.1e}'):f}"
    return f"{text} {name_in_words(currency, 'currency')}" if currency is not None else text


def percent_in_words(ratio: Decimal, *, signed: bool = False) -> str:
    """Return a ratio as a whole percentage; below 1 % with one decimal."""
    decimals = 0 if abs(ratio) >= Decimal("0.01") or not ratio else 1
    return f"{ratio * 100:{'+' if signed else ''},.{decimals}f} %"


def day_in_words(day: date, beside: date) -> str:
    """Return a day such as 20 Nov; with its year where `beside` has another one."""
    return f"{day.day} {day:%b}" if day.year == beside.year else f"{day.day} {day:%b} {day.year}"


def subject_in_words(where: Sequence[Part], region: str | None = None) -> str:
    """Return the name of a series: its service, the region when all of it is in one, and the user where it is fixed."""
    fixed = {part.dimension: part.value for part in where}
    text = name_in_words(fixed["service"], "service") if "service" in fixed else "Usage"
    if region is not None:
        text += f" in {name_in_words(region, 'region')}"
    if fixed.get("user") is not None:
        text += f" of {name_in_words(fixed['user'], 'user')}"
    return f"{text[0].upper()}{text[1:]}" if text.startswith("charges") else text


def series_in_words(service: str | None, user: str | None) -> str:
    """Return the name of a series by its service alone, and its user where it has one."""
    text = name_in_words(service, "service")
    return f"{text} of {name_in_words(user, 'user')}" if user is not None else text


def uncaused_sentence(
    service: str | None,
    user: str | None,
    currency: str | None,
    days: Sequence[date],
    money: tuple[Decimal, Decimal],
    course: Course,
) -> str:
    """Return the sentence of an anomaly whose cause is not known: amounts and days alone. `money`: expected, actual."""
    return since_sentence(
        subject=series_in_words(service, user),
        currency=currency,
        days=days,
        expected=money[0],
        actual=money[1],
        course=course,
        reason="",
    )


def since_sentence(
    *,
    subject: str,
    currency: str | None,
    days: Sequence[date],
    expected: Decimal,
    actual: Decimal,
    course: Course,
    reason: str,
) -> str:
    """Return the sentence of an anomaly: amounts a day, since when, how much in all, and why.

    Args:
        subject: the name of the series.
        currency: of the amounts.
        days: those of the anomaly, in order.
        expected: what was expected of all these days together.
        actual: what came.
        course: whether it goes on, and begins a series.
        reason: from `reason_in_words`.
    """
    each = len(days)
    first, last = days[0], days[-1]
    begun = day_in_words(first, last)
    when = f"since {begun}" if course.open else f"from {begun} to {last.day} {last:%b}"
    when = when if course.open or each > 1 else f"on {begun}"
    money, so_far = amount_in_words(actual / each, currency), " so far" if course.open else ""
    whole = f"{amount_in_words(actual - expected, currency)}{so_far}"
    if not expected:
        what = f"{subject} is new {when} with about {money} a day ({whole})"
        if not course.new:
            what = f"{subject} cost about {money} a day {when} ({whole}), where nothing is usual"
        return f"{what}{reason}."
    verb = "rose" if actual > expected else "fell"
    relative = percent_in_words((actual - expected) / abs(expected), signed=True)
    before = amount_in_words(expected / each, None)
    return f"{subject} {verb} from about {before} to {money} a day {when} ({relative}, {whole}){reason}."


def between_sentence(
    *, subject: str, currency: str | None, expected: Decimal, actual: Decimal, per_day: int | None, reason: str
) -> str:
    """Return the sentence of two periods: what changed from one to the other, and why.

    Args:
        subject: the name of the series.
        currency: of the amounts.
        expected: the amount before, over as many days as there are after.
        actual: the amount after.
        per_day: the days after, where the periods have different lengths: amounts are those of a day then.
        reason: from `reason_in_words`.
    """
    share, suffix = Decimal(per_day or 1), " a day" if per_day else ""
    before, after = amount_in_words(expected / share, None), amount_in_words(actual / share, currency)
    if expected == actual:
        return f"{subject} did not change: {after}{suffix}."
    if not expected:
        return f"{subject} is new: {after}{suffix}{reason}."
    if not actual:
        return f"{subject} ended: {before} {currency or ''}".rstrip() + f"{suffix} before{reason}."
    verb = "rose" if actual > expected else "fell"
    relative = percent_in_words((actual - expected) / abs(expected), signed=True)
    return f"{subject} {verb} from {before} to {after}{suffix} ({relative}){reason}."


def reason_in_words(cause: Cause | None, parts: PriceVolume, change: Decimal, currency: str | None, last: date) -> str:
    """Return the end of a sentence: the slice behind the change, then price and quantity; empty when none is known."""
    said = [text for text in (_cause(cause, last), _price_and_volume(parts, change, currency)) if text]
    return f": {'; '.join(said)}" if said else ""


def _cause(cause: Cause | None, last: date) -> str:
    if cause is None:
        return ""
    if not cause.where:
        return "all parts of it alike"
    named = _slice(cause.where)
    new = f", new on {day_in_words(cause.new_on, last)}" if cause.new_on else ""
    share = percent_in_words(cause.share)
    if not cause.explains:
        return f"no part has half of it; the largest, with {share}, is {named}{new}"
    if share == "100 %":
        return f"all of it is {named}{new}"
    if cause.share > 1:
        return f"it is {named}{new}, and other charges moved the other way"
    return f"{share} of it is {named}{new}"


def _slice(where: Sequence[Part]) -> str:
    # What the other dimension qualifies comes first: service db in region east, sku x of account y.
    order = sorted(where, key=lambda part: part.dimension not in {"service", "sku", "resource"})
    texts = []
    for number, part in enumerate(order):
        named = name_in_words(part.value, part.dimension)
        text = named if part.value is None else f"{part.dimension} {named}"
        texts.append(f"{JOINED.get(part.dimension, 'and')} {text}" if number else text)
    return " ".join(texts)


def _price_and_volume(parts: PriceVolume, change: Decimal, currency: str | None) -> str:
    told = parts.price or parts.quantity
    if not told or abs(parts.begun) + abs(parts.untold) > MOST_UNTOLD * abs(change):
        return ""
    told_apart = [one if abs(one) >= LEAST_TOLD * abs(change) else Decimal(0) for one in (parts.price, parts.quantity)]
    if not all(told_apart):
        return f"by {'price' if told_apart[0] else 'quantity'} alone"
    signed = (f"{'+' if one > 0 else ''}{amount_in_words(one, currency)}" for one in told_apart)
    return "price {}, quantity {}".format(*signed)
