"""Two exports of one account and month: told, and resolved either way, on both catalogs."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from billstream.aggregator.refresh import refresh_once
from billstream.cli.verify.proof import prove
from billstream.common.errors import Misconfigured
from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.exports.deciding import prefer, settle, undo
from billstream.consumer.exports.preferences import OPERATOR, Preference
from billstream.consumer.exports.rules import apply_rules
from billstream.consumer.verify import Check, Cure
from tests.e2e.commands import Billstream
from tests.integration.intake_support import House
from tests.integration.overlap_support import LEGACY, Bills, azure, cur, focus
from tests.servers.postgres import PostgresServer

_accounts = count(1001)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A lake for all tests of a catalog: each has an account of its own."""
    catalog = None
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        server.start()
        catalog = SecretStr(server.create_database())
    settings = Settings(home=tmp_path_factory.mktemp("lake"), catalog=catalog, threads=1)
    with Lake.open(settings, create=True) as lake:
        made = House(lake, settings)
        with made.stack:
            yield made


@pytest.fixture
def bills(house: House) -> Bills:
    return Bills(house, str(next(_accounts)))


on_sqlite = pytest.mark.parametrize("house", ["sqlite"], indirect=True)


def preference(*preferred: str) -> Preference:
    return Preference(
        preference_id=new_id(),
        source=OPERATOR,
        priority=0,
        preferred=preferred,
        decided_at=datetime.now(UTC),
        decided_by="test",
    )


def proven(house: House) -> bool:
    refresh_once(house.lake)
    assert prove(house.lake, house.settings).findings == ()
    assert house.staged_files_left() == set()
    return True


def legacy_twice(bills: Bills) -> dict[str, Decimal]:
    text = cur(*LEGACY, payer=bills.account, account=f"2{bills.account}")
    bills.load(bills.deliver_cur("old", text), bills.deliver_cur("new", text))
    return {bills.export("old/cur"): Decimal("105.0000001"), bills.export("new/cur"): Decimal("105.0000001")}


def legacy_and_focus(bills: Bills) -> dict[str, Decimal]:
    member = f"2{bills.account}"
    bills.load(bills.deliver_cur("old", cur(*LEGACY, payer=bills.account, account=member)))
    text = focus(("115", 1), provider="Amazon Web Services", payer=f"0{bills.account}", account=f"0{member}")
    bills.load(bills.deliver_focus("fx", text))
    return {bills.export("old/cur"): Decimal("105.0000001"), bills.export("fx/focus"): Decimal(115)}


def azure_and_focus(bills: Bills) -> dict[str, Decimal]:
    bills.put("actual/2026/03/part.csv", azure(("3.50", 13), subscription=f"s-{bills.account}"))
    payer, subscription = f"/providers/x/billingAccounts/{bills.account}", f"/subscriptions/S-{bills.account}"
    text = focus(("3.50", 13), provider="Microsoft", payer=payer, account=subscription, currency="EUR")
    bills.put("focus/2026/03/part.csv", text)
    return {bills.export("actual/#azure_actual"): Decimal("3.50"), bills.export("focus/#focus"): Decimal("3.50")}


@pytest.mark.parametrize("deliver", [legacy_twice, legacy_and_focus, azure_and_focus])
def test_a_double_export_is_told_and_resolved_both_ways(
    house: House, bills: Bills, deliver: Callable[[Bills], dict[str, Decimal]]
) -> None:
    with capture_logs() as logs:
        exports = deliver(bills)
    told = [entry for entry in logs if entry["event"] == "exports_overlap"]
    assert [(entry["log_level"], entry["account"], set(entry["amounts"])) for entry in told] == [
        ("warning", bills.account, set(exports))
    ]
    both = sum(exports.values())
    assert bills.total() == both
    (found,) = bills.overlaps()
    assert found["exports"] == sorted(exports)
    assert found["amounts"] == [exports[export] for export in sorted(exports)]
    assert (found["billing_month"], len(found["rows"])) == (date(2026, 3, 1), 2)

    held = []
    for preferred, counts in exports.items():
        decided = prefer(house.lake, preference(preferred), author="test")
        held.append(decided.preferences[0].preference_id)
        assert decided.rows_out > 0
        assert (bills.total(), bills.overlaps()) == (counts, [])
    assert proven(house)
    undo(house.lake, held, author="test")
    assert (bills.total(), bills.aside(), len(bills.overlaps())) == (both, 0, 1)


@on_sqlite
def test_what_comes_later_goes_aside_and_what_only_one_export_has_always_counts(house: House, bills: Bills) -> None:
    member = {"payer": bills.account, "account": f"2{bills.account}"}
    bills.put("a/2026/03/01.csv", focus(("10", 1), **member))
    chosen = prefer(house.lake, preference(bills.export("a/#focus")), author="test")
    bills.put("b/2026/03/03.csv", cur(("100", 1), ("200", 2), **member))  # no month of its own: it tells of two days
    assert (bills.total(), bills.aside()) == (Decimal(210), 1)
    other = {"payer": bills.account, "account": f"3{bills.account}"}
    bills.put("b/2026/03/04.csv", cur(("1000", 1), **other))  # another member of the same payer
    assert bills.total() == Decimal(1210)
    bills.put("a/2026/03/02.csv", focus(("20", 2), **member))  # the preferred export comes later than the other one
    assert (bills.total(), bills.aside()) == (Decimal(1030), 2)
    bills.put("b/2026/03/03.csv", cur(("101", 1), ("201", 2), ("301", 3), **member))  # restated while it is aside
    assert (bills.total(), bills.aside()) == (Decimal(1331), 2)

    bills.intake.process([bills.bucket.remove("a/2026/03/01.csv")])
    assert (bills.total(), bills.aside()) == (Decimal(1422), 1), "the other export's first day counts again"
    bills.intake.process([bills.bucket.remove("b/2026/03/03.csv")])
    assert (bills.total(), bills.aside()) == (Decimal(1020), 0), "rows that are aside go with their object"
    undo(house.lake, [chosen.preferences[0].preference_id], author="test")
    assert proven(house)


@on_sqlite
def test_exports_that_are_two_things_are_not_told(bills: Bills) -> None:
    member = {"payer": bills.account, "account": f"2{bills.account}"}
    bills.put("one/2026/03/a.csv", cur(("1", 1), **member))
    bills.put("two/2026/03/a.csv", cur(("2", 1), payer=bills.account, account=f"3{bills.account}"))  # another member
    bills.put("three/2026/03/a.csv", cur(("4", 2), **member))  # another day
    bills.put("four/2026/03/a.csv", "date,cost,currency,user\n2026-03-01,8,USD,ada\n")  # no provider, no account
    bills.put("five/2026/03/a.csv", "date,cost,currency,user\n2026-03-01,8,USD,bob\n")
    bills.put("one/2026/04/a.csv", cur(("16", 1), **member))  # another file of the same export
    assert (bills.total(), bills.overlaps()) == (Decimal(39), [])


@on_sqlite
def test_rules_of_a_file_hold_behind_decisions_of_operators(house: House, bills: Bills, tmp_path: Path) -> None:
    member = {"payer": bills.account, "account": f"2{bills.account}"}
    bills.put("c/2026/03/a.csv", cur(("100", 1), **member))
    bills.put("f/2026/03/a.csv", focus(("115", 1), **member))
    file = tmp_path / "exports.toml"
    file.write_text(
        f'[[prefer]]\nprovider = "Amazon Web Services"\naccount = "{bills.account}"\norder = ["focus", "aws_cur"]\n'
    )
    assert apply_rules(house.lake, file, author="test").changed
    assert not apply_rules(house.lake, file, author="test").changed
    assert bills.total() == Decimal(115)
    chosen = prefer(house.lake, preference(bills.export("c/#aws_cur")), author="test").preferences[0]
    assert bills.total() == Decimal(100)
    undo(house.lake, [chosen.preference_id], author="test")
    assert bills.total() == Decimal(115)
    file.write_text("")
    apply_rules(house.lake, file, author="test")
    assert bills.total() == Decimal(215)
    assert not settle(house.lake, author="test").changed
    for text in (
        "prefer = 1",
        '[[prefer]]\nprovider = "AWS"\n',
        '[[prefer]]\norder = ["x"]\nsince = "March"\n',
        "\x00",
    ):
        file.write_text(text)
        with pytest.raises(Misconfigured, match="BILLSTREAM_EXPORTS_RULES"):
            apply_rules(house.lake, file, author="test")


@on_sqlite
def test_the_commands_list_prefer_and_undo(house: House, bills: Bills) -> None:
    member = {"payer": bills.account, "account": f"2{bills.account}"}
    bills.put("c-list/2026/03/a.csv", cur(("100", 1), **member))
    bills.put("f-list/2026/03/a.csv", focus(("115", 1), **member))
    billstream = Billstream(house.settings.home, {})
    assert "exports that overlap" in billstream.run("status")
    assert "exports overlap" in billstream.run("verify")
    listed = {one["export"]: one for one in json.loads(billstream.run("exports", "list", "--json"))["exports"]}
    assert listed[bills.export("c-list/#aws_cur")]["overlaps_with"] == [bills.export("f-list/#focus")]
    assert "nothing was changed" in billstream.run("exports", "prefer", "nobody", expect=2)
    billstream.run("exports", "prefer", "f-list", "--account", bills.account, "--since", "2026-03")
    assert bills.total() == Decimal(115)
    billstream.run("exports", "undo")
    assert bills.total() == Decimal(215)


@on_sqlite
def test_verify_finds_and_repairs_rows_that_are_not_where_preferences_want_them(house: House, bills: Bills) -> None:
    member = {"payer": bills.account, "account": f"2{bills.account}"}
    bills.put("c/2026/03/a.csv", cur(("100", 1), **member))
    bills.put("f/2026/03/a.csv", focus(("115", 1), **member))
    chosen = prefer(house.lake, preference(bills.export("f/#focus")), author="test").preferences[0]
    with Lake.open(house.settings) as other:  # as if a process had died that no commit could follow
        undone = f"UPDATE export_preferences SET undone_at = now() WHERE preference_id = '{chosen.preference_id}'"
        other.commit(lambda con: con.execute(undone), claims=[], author="test", message="test")
    (finding,) = prove(house.lake, house.settings).findings
    assert (finding.check, finding.cure) == (Check.CHARGES, Cure.SETTLE)
    assert "billstream exports apply" in finding.problem
    Billstream(house.settings.home, {}).run("verify", "--repair")
    assert (bills.total(), bills.aside()) == (Decimal(215), 0)
    assert proven(house)
