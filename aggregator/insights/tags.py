"""Tags: what usage has no value of a configured key, and the values with the largest amounts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from billstream.aggregator.insights.costs import PeriodName
from billstream.aggregator.insights.meters import METER_LIST, TOP, chosen_from
from billstream.aggregator.insights.models import Model, Reading, Rows
from billstream.aggregator.insights.periods import in_order
from billstream.aggregator.insights.ratios import change, share
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.tagged import TaggedCosts, TagValue, Untagged


def _names(reading: Reading) -> list[str]:
    return [one.name for one in reading.watermark.tag_keys.names]


def _parts_given(reading: Reading) -> Sequence[object]:
    return [reading.version, chosen_from(reading) if _names(reading) else None]


def _untagged_given(reading: Reading) -> Sequence[object]:
    return [reading.version, _names(reading), date.min if _names(reading) else None]


TAG_PARTS = Model(__name__, "tag_parts", "meter, tags", needs=("meters", "windows"), given=_parts_given)
TAG_VALUES = Model(
    __name__, "tag_values", "meter, key, place", needs=("tag_parts",), given=lambda reading: [_names(reading), TOP]
)
UNTAGGED = Model(__name__, "untagged", "currency, period, key", needs=("currency_periods",), given=_untagged_given)


def read_tags(reading: Reading) -> tuple[TaggedCosts, ...]:
    """Return every currency with costs by every configured key; none without keys."""
    if not reading.watermark.tag_keys:
        return ()
    values: dict[tuple[int, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in reading.rows(TAG_VALUES):
        values[row["meter"], row["key"]].append(row)
    periods: dict[tuple[str | None, str], dict[PeriodName, Untagged]] = defaultdict(dict)
    for row in reading.rows(UNTAGGED):
        periods[row["currency"], row["key"]][row["period"]] = _untagged(row)
    return tuple(
        TaggedCosts(
            key=one.name,
            read_from=one.keys,
            currency=meter["currency"],
            periods=in_order(periods[meter["currency"], one.name]),
            measure=meter["measure"],
            **_ranking(values[meter["meter"], one.name]),
        )
        for meter in sorted(reading.rows(METER_LIST), key=lambda row: row["meter"])
        if meter["kind"] == "cost"
        for one in reading.watermark.tag_keys.names
    )


def _untagged(row: Mapping[str, Any]) -> Untagged:
    amounts = {name: row[name] for name in ("untagged", "usage", "untagged_rows", "usage_rows", "costed_rows")}
    told = row["untagged"]
    return Untagged(share=None if told is None else share(told, row["usage"]), **amounts)


def _ranking(rows: Rows) -> dict[str, Any]:
    # Shares are parts of the sum of all values, so that they add up to 1 with the others.
    with localcontext(prec=80):
        whole = sum((row["amount"] for row in rows), Decimal(0))
    others = next((row for row in rows if row["place"] > TOP), None)
    return {
        "values": tuple(_value(row, whole) for row in rows if row["place"] <= TOP),
        "others": _value(others, whole) if others else None,
        "others_count": others["names"] if others else 0,
    }


def _value(row: Mapping[str, Any], whole: Decimal) -> TagValue:
    return TagValue(
        value=row["value"],
        amount=row["amount"],
        share=share(row["amount"], whole),
        previous=row["previous"],
        change=change(row["amount"], row["previous"]),
    )


TAGS = Section(__name__, "tags", tuple[TaggedCosts, ...], read_tags, (TAG_PARTS, TAG_VALUES, UNTAGGED))
