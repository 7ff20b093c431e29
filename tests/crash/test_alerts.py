"""A process that dies between a delivery and its mark: nothing is lost, and a repeat has the same idempotency key."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billstream.aggregator.alerts import outbox
from billstream.aggregator.alerts.config import read_sinks
from billstream.aggregator.alerts.courier import Courier
from billstream.aggregator.alerts.values import Alert
from billstream.common.failpoints import CRASH_AT
from billstream.common.lake import Lake
from tests.e2e.commands import Billstream
from tests.integration.aggregator_support import new_lake
from tests.servers.sinks import http_sink


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("point", "sent_again"),
    [("before mark_alerts", True), ("before commit", True), ("after commit", True), ("after mark_alerts", False)],
)
def test_a_killed_delivery_is_repeated_with_its_key(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, *, sent_again: bool
) -> None:
    file = tmp_path / "alerts.toml"
    file.write_text('[sink.hook]\nkind = "webhook"\nurl_from = "HOOK_URL"\n')
    sinks = read_sinks(file)
    now = datetime.now(UTC)
    outbox.queue(lake, [Alert(kind="anomaly", dedupe_key="a", title="A", text="B")], sinks, now=now)
    with http_sink() as hook:
        monkeypatch.setenv("HOOK_URL", hook.url)
        died = Billstream(tmp_path, {"BILLSTREAM_ALERTS": str(file), "HOOK_URL": hook.url, CRASH_AT: point})
        died.run("alerts", "send", expect=-9)
        before = len(hook.received)
        lake.reconnect_if_lost()
        later = now + outbox.LEASE + timedelta(seconds=60)
        Courier(lake, sinks).deliver(now=later)
        assert lake.rows("SELECT state FROM alert_deliveries") == [("sent",)]
        assert len(hook.received) == (before + 1 if sent_again else before)
        assert before == ("commit" not in point)
        assert len(set(hook.keys())) == 1
