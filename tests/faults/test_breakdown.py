"""DuckDB breaks down over a connection to the catalog that is lost while it reads rows which the catalog keeps.

DuckLake does not check that answer of the server, and DuckDB reports an error of its own in place of the loss.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from billstream.common.errors import CatalogUnavailable, Fatal
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.e2e.billing import billing_file
from tests.faults.waiting import PATIENCE, until
from tests.servers.aws import AwsEnvironment
from tests.servers.relay import Relay, running_relay
from tests.worlds import World, billed, charged, new_world

KEPT_IN_CATALOG = ' FROM "public"."ducklake_inlined_data_'
READING = '"row_id"' + KEPT_IN_CATALOG
FILES = [billing_file(f"{number}.csv", seed=number) for number in range(2)]


@pytest.fixture
def relay(postgres_url: str) -> Iterator[Relay]:
    """A way to the catalog that can be cut."""
    with running_relay(postgres_url) as relay:
        yield relay


def test_the_catalog_is_asked_what_a_breakdown_means(tmp_path: Path, postgres_url: str, relay: Relay) -> None:
    settings = Settings(home=tmp_path, catalog=SecretStr(relay.url(postgres_url)), threads=1)
    with Lake.open(settings, create=True) as lake:

        def read() -> list[tuple[int]]:
            return lake.rows("SELECT count(DISTINCT load_id) FROM charges")

        relay.cut_at(READING, refusing=True)
        with pytest.raises(CatalogUnavailable, match="the catalog does not answer") as lost:
            read()
        assert isinstance(lost.value.__cause__, duckdb.InternalException), "it was another moment"
        with pytest.raises(CatalogUnavailable) as ended:
            read()
        assert isinstance(ended.value.__cause__, duckdb.FatalException), "DuckDB answers no more"
        assert relay.mend() == 1
        lake.reconnect_if_lost()
        assert read() == [(0,)]

        relay.cut_at(READING, times=9)
        with pytest.raises(CatalogUnavailable, match="DuckDB broke down"):
            read()
        with pytest.raises(CatalogUnavailable, match="DuckDB broke down"):
            read()
        lake.reconnect_if_lost()
        with pytest.raises(Fatal, match="reading the lake failed: INTERNAL Error") as broken:
            read()
        assert "Stack Trace" not in str(broken.value)
        assert relay.mend() == 2, "the same breakdown with an answering catalog is tried once more, not for ever"


@pytest.fixture
def world(aws: AwsEnvironment, tmp_path: Path, postgres_url: str, relay: Relay) -> Iterator[World]:
    # Maintenance would break down in place of the refresh, and leave it at that.
    quick = {"BILLSTREAM_AGGREGATE_SECONDS": "0.2", "BILLSTREAM_MAINTAIN": "false"}
    with new_world(tmp_path / "home", aws, relay.url(postgres_url), **quick) as world:
        yield world


def test_an_aggregator_outlives_breakdowns(world: World, relay: Relay) -> None:
    world.put(FILES[0])
    world.drain()
    aggregator = world.start("aggregate")
    until(lambda: world.events("insights_published", "aggregate"), "the aggregator does not work")

    def reasons(event: str) -> list[str]:
        return [str(line["reason"]) for line in world.events(event, "aggregate")]

    relay.cut_at(KEPT_IN_CATALOG, refusing=True)
    until(lambda: reasons("refresh_postponed"), "the aggregator does not say that it waits")
    assert aggregator.poll() is None, world.log("aggregate")
    assert relay.mend() == 1
    until(lambda: world.events("lake_reconnected", "aggregate"), "the aggregator does not come back")
    before = len(reasons("refresh_postponed"))
    relay.cut_at(KEPT_IN_CATALOG)
    until(lambda: len(reasons("refresh_postponed")) > before, "the breakdown is not waited out")
    relay.mend()
    world.lake.reconnect_if_lost()
    world.put(FILES[1])
    world.drain()
    until(lambda: len(world.events("insights_published", "aggregate")) > 1, "the aggregator does not go on")
    aggregator.terminate()

    assert aggregator.wait(timeout=PATIENCE) == 0, world.log("aggregate")
    assert "INTERNAL Error" in reasons("refresh_postponed")[0]
    assert "DuckDB broke down, perhaps" in reasons("refresh_postponed")[-1]
    assert charged(world.lake) == billed(FILES)
