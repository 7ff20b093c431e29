"""The same on a PostgreSQL catalog: folding, the race, and text that a database might stumble over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from billstream.aggregator.publish import publish
from billstream.aggregator.refresh import RefreshReport, rebuild, refresh_once
from billstream.aggregator.restatements.comparison import read_restatements
from billstream.aggregator.restatements.intervals import interval_between, snapshot_time
from billstream.aggregator.restatements.recent import RecentRestatements
from billstream.aggregator.verify import verify
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.integration.aggregator_support import (
    GRAINS,
    NOW,
    Line,
    Row,
    commit_load,
    modelled,
    remove_load,
    settle,
    stored,
)

ODD = "a\x00b'\"\\{x=1}\N{DROMEDARY CAMEL}"
CHARGE = Row(
    datetime(2025, 6, 30, tzinfo=UTC),
    x_user_id=ODD,
    service_name=ODD,
    billed_cost=Decimal("-1.000000000000000001"),
    consumed_quantity=Decimal("0.1"),
    consumed_unit=ODD,
)


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str) -> Settings:
    return Settings(home=tmp_path, catalog=SecretStr(postgres_url), threads=1)


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with Lake.open(settings, create=True) as opened:
        yield opened


def test_refresh_rebuild_and_publish(lake: Lake, settings: Settings) -> None:
    refresh_once(lake)
    commit_load(lake, "a", [CHARGE, CHARGE], scope="s3://billing/a.csv")
    commit_load(lake, "b", [replace(CHARGE, x_user_id=None)], scope="s3://billing/b.csv")
    refresh_once(lake)
    remove_load(lake, "a", scope="s3://billing/a.csv")
    settle(lake, Line("s3://billing/c.csv", "quarantined"))
    report = refresh_once(lake)
    assert (report.watermark.rows_inserted, report.watermark.rows_deleted) == (0, 2)
    for table in GRAINS:
        assert stored(lake, table) == modelled([replace(CHARGE, x_user_id=None)], table)
    assert verify(lake) == []
    assert rebuild(lake).changed
    assert verify(lake) == []
    assert publish(lake, settings)


def test_restatements_are_told(lake: Lake) -> None:
    commit_load(lake, "a", [CHARGE], scope=f"s3://billing/{ODD[5:]}.csv")
    before = lake.snapshot_id()
    restated = replace(CHARGE, billed_cost=Decimal("0.000000000000000002"))
    commit_load(lake, "b", [restated, CHARGE], replaces="a", scope=f"s3://billing/{ODD[5:]}.csv")
    interval = interval_between(lake, snapshot_time(lake, before))

    (entry,) = read_restatements(lake, interval, most=10, restated_only=True).largest

    assert interval.after == before
    assert (entry.service, entry.file) == (ODD, f"s3://billing/{ODD[5:]}.csv")
    assert (entry.billed_difference, entry.rows_after) == (Decimal("0.000000000000000002"), 2)
    assert RecentRestatements(lake).read(NOW, version=interval.upto).largest == (entry,)


def test_of_two_aggregators_one_folds(lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh_once(lake)
    commit_load(lake, "a", [CHARGE])
    original = lake.commit
    attempts: list[RefreshReport] = []

    def commit(*args: object, **options: object) -> int:
        if not attempts:
            attempts.append(refresh_once(second))
        return original(*args, **options)  # type: ignore[arg-type]

    with Lake.open(settings) as second:
        monkeypatch.setattr(lake, "commit", commit)
        assert not refresh_once(lake).changed
    assert attempts[0].changed
    for table in GRAINS:
        assert stored(lake, table) == modelled([CHARGE], table)
