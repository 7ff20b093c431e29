"""Movers: the services of accounts whose costs changed most, by how much they changed."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billstream.aggregator.insights.meters import METER_LIST
from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.moved import Mover, Movers
from billstream.aggregator.insights.ratios import change
from billstream.aggregator.insights.section import Section

MOST = 10

MOVED = Model(
    __name__,
    "moved",
    "meter, place",
    needs=("parts", "windows"),
    given=lambda _: [MOST],
)


def read_movers(reading: Reading) -> tuple[Movers, ...]:
    """Return the movers of every currency whose 30 days can be compared."""
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in reading.rows(MOVED):
        found[row["meter"]].append(row)
    movers = []
    for meter in sorted(reading.rows(METER_LIST), key=lambda row: row["meter"]):
        rows = found[meter["meter"]]
        window = reading.by_currency[meter["currency"]].windows.get("thirty_days")
        if meter["kind"] != "cost" or not window or not rows:
            continue
        others = next((row for row in rows if row["place"] > MOST), None)
        movers.append(
            Movers(
                currency=meter["currency"],
                measure=meter["measure"],
                first_day=window.days.first_day,
                last_day=window.days.last_day,
                first_day_before=window.before.first_day,
                last_day_before=window.before.last_day,
                entries=tuple(_mover(row) for row in rows if row["place"] <= MOST),
                others_count=others["names"] if others else 0,
                others_change=others["amount"] - others["before"] if others else Decimal(0),
            )
        )
    return tuple(movers)


def _mover(row: Mapping[str, Any]) -> Mover:
    return Mover(
        provider=row["provider"],
        account=row["account"],
        service=row["service"],
        amount=row["amount"],
        before=row["before"],
        change=row["amount"] - row["before"],
        relative=change(row["amount"], row["before"]),
    )


MOVERS = Section(__name__, "movers", tuple[Movers, ...], read_movers, (MOVED,))
