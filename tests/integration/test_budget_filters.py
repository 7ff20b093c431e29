"""What budgets count, by names and tags that anybody may have written, on both catalogs."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from billstream.aggregator.budgets.costs import read_daily
from billstream.aggregator.budgets.model import Budget
from billstream.aggregator.budgets.reading import read_budgets
from billstream.aggregator.budgets.section import list_budgets
from billstream.aggregator.budgets.states import RuleState, acknowledge, transition
from billstream.aggregator.budgets.store import evaluate_all, read_states, store, store_states
from billstream.aggregator.kpis.metric_days import MetricDay, store_metrics
from billstream.aggregator.refresh import refresh_once
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.common.tag_keys import TagKeys
from tests.integration.aggregator_support import Row, commit_load

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
NAMES = (
    "plain",
    "O'Brien'); DROP TABLE charges; --",
    'double "quoted"',
    "line\nfeed\r",
    "nul\x00end",
    "nul\x00",
    "\x00",
    "\u202ertl\u2066",
    "100%_",
    "NULL",
    "back\\slash",
    "{braces} $1 ?",
    "\U0001f4b8" * 50,
)
KEYS = TagKeys.parse("team,team=cost-centre,a/b+c:d@e")


def row(name: str, cost: int, tags: dict[str, str] | None) -> Row:
    return Row(
        datetime(2026, 11, 2, tzinfo=UTC),
        "EUR",
        provider_name=name,
        service_name=name,
        x_user_id=name,
        charge_category="Usage",
        billed_cost=Decimal(cost),
        effective_cost=Decimal(cost),
        tags=tags,
    )


# Each name has a cost of its own, a power of two: a sum tells which were counted.
ROWS = [row(name, 2**place, {"Team": name, "other": "plain"}) for place, name in enumerate(NAMES)]
UNTAGGED, BY_CENTRE, BY_PATH = 2**20, 2**21, 2**22
ROWS += [
    row("untagged", UNTAGGED, None),
    row("centre", BY_CENTRE, {"cost-centre": "plain"}),
    row("path", BY_PATH, {"a/b+c:d@e": "plain", "TEAM": "path's"}),
]


@pytest.fixture(params=["sqlite", "postgres"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    catalog = SecretStr(request.getfixturevalue("postgres_url")) if request.param == "postgres" else None
    with Lake.open(Settings(home=tmp_path, catalog=catalog, threads=1), create=True) as opened:
        commit_load(opened, "a", ROWS, scope="s3://billing/a.csv")
        refresh_once(opened, now=NOON, tag_keys=KEYS)
        yield opened


def quoted(text: str) -> str:
    """Return a string of TOML."""
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'


def counted(lake: Lake, folder: Path, *filters: str) -> list[Decimal]:
    """Return what budgets with these filters count, written and read as a file."""
    path = folder / "budgets.toml"
    entries = (
        f'[[budget]]\nname = "b{place}"\ncurrency = "EUR"\namount = 1\nwhere = {{ {where} }}\n'
        for place, where in enumerate(filters)
    )
    path.write_text("".join(entries))
    budgets = read_budgets(path, [key.name for key in KEYS.names]).budgets
    days = (read_daily(lake, budget, date(2026, 11, 1), date(2026, 11, 30)) for budget in budgets)
    return [sum(daily.values(), Decimal(0)) for daily in days]


def test_each_name_and_tag_counts_its_own_costs_alone(lake: Lake, tmp_path: Path) -> None:
    expected = [Decimal(2**place) for place in range(len(NAMES))]
    with_service = counted(lake, tmp_path, *(f"service_name = [{quoted(name)}]" for name in NAMES))
    assert dict(zip(NAMES, with_service, strict=True)) == dict(zip(NAMES, expected, strict=True))
    assert counted(lake, tmp_path, *(f"x_user_id = [{quoted(name)}]" for name in NAMES[:6])) == expected[:6]
    both = ", ".join(quoted(name) for name in NAMES[3:6])
    assert counted(lake, tmp_path, f"provider_name = [{both}], service_name = [{both}]") == [8 + 16 + 32]

    tagged = counted(lake, tmp_path, *(f"tags = {{ team = [{quoted(name)}] }}" for name in NAMES[1:]))
    assert dict(zip(NAMES[1:], tagged, strict=True)) == dict(zip(NAMES[1:], expected[1:], strict=True))
    team = 'tags = { team = ["plain"] }'
    assert counted(lake, tmp_path, team) == [1 + BY_CENTRE], "cost-centre is a synonym of team"
    path = 'tags = { "a/b+c:d@e" = ["plain"] }'
    assert counted(lake, tmp_path, path) == [BY_PATH]
    assert counted(lake, tmp_path, """tags = { "a/b+c:d@e" = ["plain"], team = ["plain", "path's"] }""") == [BY_PATH]
    assert counted(lake, tmp_path, 'tags = { team = ["nobody"] }') == [0]


def test_states_and_metrics_are_stored_and_stored_again(lake: Lake) -> None:
    alerts = [{"at": 1, "of": "actual"}]
    budget = Budget(name="all", owner="Zoë's", currency="EUR", amount=Decimal(1), alerts=alerts)
    days = [MetricDay("shop", f"o'rders {n}", date(2026, 11, 2), "EUR", Decimal(n), None) for n in range(200)]

    def commit(now: datetime, states: Sequence[RuleState], rows: Sequence[MetricDay]) -> list[str]:
        found = evaluate_all(lake, [budget], now.date())
        changed = transition(found, {state.key: state for state in states}, now)

        def write(con: duckdb.DuckDBPyConnection) -> None:
            store(con, found, changed, now)
            store_metrics(con, rows)

        lake.commit(write, claims=[], author="test", message="budgets")
        return [notice.kind for notice in changed.notices]

    assert commit(NOON, [], days) == ["firing"]
    (before, firing) = read_states(lake).values()
    seen = acknowledge(firing, by="ann", reason="it's planned", now=NOON)
    lake.commit(lambda con: store_states(con, [seen]), claims=[], author="test", message="seen")
    assert commit(NOON, list(read_states(lake).values()), days[:-1]) == []
    assert list(read_states(lake).values()) == [before, seen]
    assert lake.rows("SELECT count(*), sum(cost)::INT FROM unit_metrics") == [(199, 198 * 199 // 2)]
    assert [one.owner for one in list_budgets(lake)] == ["Zoë's"] * 2
