"""Two exports of one account and month: told, and resolved either way, on both catalogs."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest
from pydantic import SecretStr

from billstream.aggregator.refresh import refresh_once
from billstream.cli.verify.proof import prove
from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.exports.deciding import prefer, undo
from billstream.consumer.exports.preferences import OPERATOR, Preference
from tests.integration.intake_support import House
from tests.integration.overlap_support import LEGACY, Bills, azure, focus


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    catalog = SecretStr(request.getfixturevalue("postgres_url")) if request.param == "postgres" else None
    settings = Settings(home=tmp_path, catalog=catalog, threads=2)
    with Lake.open(settings, create=True) as lake:
        made = House(lake, settings)
        with made.stack:
            yield made


def preference(*preferred: str, **limits: object) -> Preference:
    return Preference(
        preference_id=new_id(),
        source=OPERATOR,
        priority=0,
        preferred=preferred,
        decided_at=datetime.now(UTC),
        decided_by="test",
        **limits,  # type: ignore[arg-type]
    )


def legacy_twice(bills: Bills) -> dict[str, Decimal]:
    bills.load(bills.deliver_cur("old", LEGACY), bills.deliver_cur("new", LEGACY))
    return {bills.export("old/cur"): Decimal("105.0000001"), bills.export("new/cur"): Decimal("105.0000001")}


def legacy_and_focus(bills: Bills) -> dict[str, Decimal]:
    bills.load(bills.deliver_cur("old", LEGACY))
    bills.load(
        bills.deliver_focus("fx", focus(("115", 1), provider="Amazon Web Services", payer="0111", account="0222"))
    )
    return {bills.export("old/cur"): Decimal("105.0000001"), bills.export("fx/focus"): Decimal(115)}


def azure_and_focus(bills: Bills) -> dict[str, Decimal]:
    bills.put("actual/2026/03/part.csv", azure(("3.50", 13)))
    text = focus(
        ("3.50", 13),
        provider="Microsoft",
        payer="/providers/x/billingAccounts/7",
        account="/subscriptions/S1",
        currency="EUR",
    )
    bills.put("focus/2026/03/part.csv", text)
    return {bills.export("actual/#azure_actual"): Decimal("3.50"), bills.export("focus/#focus"): Decimal("3.50")}


CASES = [legacy_twice, legacy_and_focus, azure_and_focus]


@pytest.mark.parametrize("deliver", CASES)
def test_a_double_export_is_told_and_resolved_both_ways(
    house: House, deliver: Callable[[Bills], dict[str, Decimal]]
) -> None:
    bills = Bills(house)
    exports = deliver(bills)
    both = sum(exports.values())
    assert bills.total() == both
    found = [one for one in bills.overlaps() if one["metric"] == "billed_cost"]
    assert [(one["exports"], one["amounts"]) for one in found] == [
        (sorted(exports), [exports[e] for e in sorted(exports)])
    ]
    assert found[0]["billing_month"] == date(2026, 3, 1)
    refresh_once(house.lake)

    for preferred, _ in permutations(exports):
        decided = prefer(house.lake, preference(preferred), author="test")
        assert decided.rows_out > 0
        assert bills.total() == exports[preferred]
        assert bills.overlaps() == []
        assert proven(house)
    held = [one.preference_id for one in decided.preferences]
    undo(house.lake, held, author="test")
    assert (bills.total(), bills.aside()) == (both, 0)
    assert len(bills.overlaps()) > 0
    assert proven(house)


def proven(house: House) -> bool:
    refresh_once(house.lake)
    assert prove(house.lake, house.settings).findings == ()
    assert house.staged_files_left() == set()
    return True
