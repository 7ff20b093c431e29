"""Publishing: the insights of one snapshot, as files, whenever they say something new."""

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from billstream.aggregator.folder import publishing, replace_files
from billstream.aggregator.insights.freshness import count_ledger_lines
from billstream.aggregator.insights.read import read_insights
from billstream.aggregator.insights.values import SCHEMA_VERSION
from billstream.aggregator.pages.render import FILE_NAMES, JSON_NAME, render
from billstream.aggregator.refresh import RefreshReport
from billstream.aggregator.watermark import Watermark, read_watermark
from billstream.common.errors import Fatal
from billstream.common.failpoints import failpoint
from billstream.common.lake import Lake
from billstream.common.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Mark:
    """What tells one publication from another: the newest refresh, and the ledger's length, as it only grows."""

    schema_version: int
    watermark_snapshot_id: int
    refreshed_at: datetime
    ledger_lines: int


def publish(lake: Lake, settings: Settings, report: RefreshReport | None = None, *, force: bool = False) -> Path | None:
    """Write the insights files when they are absent or do not say what the lake says.

    Each file is written beside its place, flushed to disk and renamed. All are rendered before the first is touched,
    and `insights.json`, by which the next call knows what was published, comes last.

    Args:
        lake: nothing is written to it.
        settings: where the files go.
        report: the newest refresh; it tells up to which snapshot after the watermark the aggregates are true.
        force: write the files in any case.

    Returns:
        The folder, or None when it was up to date.

    Raises:
        Retryable: the lake does not answer, or the folder cannot be written at the moment.
        Fatal: the folder may not be written, or there has been no refresh yet.
    """
    with publishing(settings.insights):
        return _publish(lake, settings.insights, report, force=force)


def published_mark(folder: Path) -> Mark | None:
    """The mark of what is published; None when a file is missing or `insights.json` is not ours."""
    if not all((folder / name).is_file() for name in FILE_NAMES):
        return None
    try:
        said = json.loads((folder / JSON_NAME).read_bytes())
        return Mark(
            schema_version=said["schema_version"],
            watermark_snapshot_id=said["watermark_snapshot_id"],
            refreshed_at=datetime.fromisoformat(said["refreshed_at"]),
            ledger_lines=said["freshness"]["ledger_lines"],
        )
    except (ValueError, LookupError, TypeError):
        return None


def _publish(lake: Lake, folder: Path, report: RefreshReport | None, *, force: bool) -> Path | None:
    started = time.monotonic()
    version = lake.snapshot_id()
    watermark = read_watermark(lake, version)
    if watermark is None:
        raise Fatal("There are no aggregates to publish yet. Run `billstream aggregate`.")
    snapshot_id = _true_at(watermark, report)
    lines = count_ledger_lines(lake, version=snapshot_id)
    mark = Mark(SCHEMA_VERSION, watermark.snapshot_id, watermark.refreshed_at, lines)
    if not force and published_mark(folder) == mark:
        return None
    insights = read_insights(lake, watermark, version=version, snapshot_id=snapshot_id)
    with failpoint("render"):
        texts = render(insights)
    with failpoint("publish"):
        replace_files(folder, texts)
    seconds = round(time.monotonic() - started, 3)
    log.info("insights_published", snapshot=snapshot_id, folder=str(folder), seconds=seconds)
    return folder


def _true_at(watermark: Watermark, report: RefreshReport | None) -> int:
    """The newest snapshot whose charges the aggregates are known to hold."""
    if report and report.watermark == watermark:
        return report.snapshot_id
    return watermark.snapshot_id
