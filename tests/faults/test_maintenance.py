"""Maintenance on PostgreSQL beside others: it holds nobody up, and loses nothing when a reply is lost."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from billstream.common.errors import CatalogUnavailable, WriteConflict
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.maintenance.upkeep import Report
from billstream.maintenance.values import Flush, Merge, Renew
from tests.faults.waiting import PATIENCE
from tests.integration.aggregator_support import remove_load
from tests.integration.lake_support import line
from tests.integration.maintenance_support import KEEP_ALL, KEEP_NONE, load, maintained, tables_at
from tests.servers.relay import Relay, running_relay

pytestmark = pytest.mark.slow


@pytest.fixture
def relay(postgres_url: str) -> Iterator[Relay]:
    with running_relay(postgres_url) as relay:
        yield relay


@pytest.fixture
def other(tmp_path: Path, postgres_url: str) -> Iterator[Lake]:
    """A consumer of the lake."""
    with Lake.open(Settings(home=tmp_path, catalog=SecretStr(postgres_url), threads=1), create=True) as lake:
        yield lake


@pytest.fixture
def lake(other: Lake, tmp_path: Path, postgres_url: str, relay: Relay) -> Iterator[Lake]:
    """The lake as maintenance has it: by way of the relay."""
    assert other.snapshot_id()
    with Lake.open(Settings(home=tmp_path, catalog=SecretStr(relay.url(postgres_url)), threads=1)) as lake:
        yield lake


def numbered(lake: Lake, name: str, count: int = 4) -> None:
    for number in range(count):
        load(lake, f"{name}-{number}")


def kinds(report: Report) -> set[str]:
    return {type(done.step).__name__ for done in report.done}


def test_a_merge_whose_reply_is_lost_loses_no_row(lake: Lake, other: Lake, relay: Relay) -> None:
    numbered(other, "one")
    maintained(other)
    numbered(other, "two", 2)  # too few rows of the ledger to be written: the next commit of maintenance merges
    facts = tables_at(other, other.snapshot_id())
    relay.lose_reply()
    with pytest.raises(CatalogUnavailable):
        maintained(lake, KEEP_ALL)
    assert relay.lost == 1
    lake.reconnect_if_lost()
    for _ in range(2):
        assert tables_at(lake, lake.snapshot_id()) == facts
        assert tables_at(other, other.snapshot_id()) == facts
        assert not maintained(lake).failed


@pytest.mark.parametrize("what", ["append", "ledger line", "retraction", "maintenance"])
def test_what_others_commit_meanwhile_stands(lake: Lake, other: Lake, relay: Relay, what: str) -> None:
    numbered(other, "one")
    before = tables_at(other, other.snapshot_id())
    reports: list[Report] = []
    # In a thread, as it waits for the rows that the first maintenance has locked, until that has committed.
    beside = Thread(target=lambda: reports.append(maintained(other)))
    acts: dict[str, Callable[[], object]] = {
        "append": lambda: load(other, "meanwhile"),
        "ledger line": lambda: other.commit(line("meanwhile"), claims=[], author="test", message="a line"),
        "retraction": lambda: remove_load(other, "one-1"),
        "maintenance": beside.start,
    }

    def meanwhile() -> None:
        acts[what]()

    # The flush of the ledger is the first commit; a retraction meets a merge.
    if what == "retraction":
        assert "Flush" in kinds(maintained(lake, replace(KEEP_ALL, many_files=100)))
    relay.call_before_commit(meanwhile)
    report = maintained(lake, KEEP_ALL)
    if what == "maintenance":
        beside.join(PATIENCE)
        assert reports, "it waits for ever"
    now = tables_at(other, other.snapshot_id())
    assert tables_at(lake, lake.snapshot_id()) == now
    if what == "maintenance":
        assert now == before
        assert report.refused or report.failed or reports[0].refused or reports[0].failed
        assert {Flush.__name__, Merge.__name__} <= kinds(report) | kinds(reports[0])
        return
    assert not report.refused
    appended, written, retracted = (what == one for one in ("append", "ledger line", "retraction"))
    assert len(now[0]) == len(before[0]) + 2 * appended - 2 * retracted
    assert len(now[1]) == len(before[1]) + appended + written
    # Whatever had to wait is done by a later run, and changes nothing either.
    assert not maintained(lake, KEEP_NONE).failed
    assert tables_at(other, other.snapshot_id()) == now


# -- files that are renewed --------------------------------------------------------------------------------------

NO_RENEWAL = replace(KEEP_ALL, dead_bytes=10**9, many_files=100)


@pytest.fixture
def worn(other: Lake) -> Lake:
    """A file of four loads, one of which was removed, and nothing else to be done."""
    numbered(other, "one")
    maintained(other)
    remove_load(other, "one-0")
    maintained(other, NO_RENEWAL)
    return other


def amounts(lake: Lake) -> set[str]:
    return {load_id for (load_id,) in lake.rows("SELECT load_id FROM charges")}


def test_whoever_comes_second_to_a_worn_file_tries_again(worn: Lake, lake: Lake, relay: Relay) -> None:
    def retract() -> None:
        remove_load(worn, "one-1")

    relay.call_before_commit(retract)
    report = maintained(lake, KEEP_ALL)
    assert [type(failed.step) for failed in report.failed] == [Renew]
    assert amounts(lake) == amounts(worn) == {"one-2", "one-3"}
    assert list(Path(worn.data_path).glob("main/charges/renewed-*")) == []  # it was not needed, and was removed

    def renew() -> None:
        assert "Renew" in kinds(maintained(worn, KEEP_ALL))

    relay.call_before_commit(renew)
    with pytest.raises(WriteConflict):
        remove_load(lake, "one-2")
    assert amounts(worn) == {"one-2", "one-3"}
    remove_load(lake, "one-2")
    assert amounts(lake) == amounts(worn) == {"one-3"}
    assert lake.rows("SELECT count(*) FROM charges") == [(2,)]


def test_a_renewal_whose_reply_is_lost_loses_no_row(worn: Lake, lake: Lake, relay: Relay) -> None:
    facts = tables_at(worn, worn.snapshot_id())
    relay.lose_reply()
    with pytest.raises(CatalogUnavailable):
        maintained(lake, KEEP_ALL)
    assert relay.lost == 1
    lake.reconnect_if_lost()
    assert len(list(Path(worn.data_path).glob("main/charges/renewed-*"))) == 1
    for _ in range(2):
        assert tables_at(lake, lake.snapshot_id()) == facts
        assert tables_at(worn, worn.snapshot_id()) == facts
        assert not maintained(lake).failed
