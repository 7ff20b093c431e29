"""Publish the insights of one snapshot to the targets, whenever they differ from what is published there."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from billstream.aggregator.analysis.mark import read_analysis
from billstream.aggregator.gauges import tell_omissions
from billstream.aggregator.insights.freshness import count_ledger_lines
from billstream.aggregator.insights.read import read_insights
from billstream.aggregator.insights.values import SCHEMA_VERSION
from billstream.aggregator.refresh import RefreshReport
from billstream.aggregator.restatements.recent import RecentRestatements
from billstream.aggregator.targets.bucket import BucketTarget
from billstream.aggregator.targets.folder import FolderTarget
from billstream.aggregator.targets.target import Mark, Target
from billstream.aggregator.watermark import read_watermark
from billstream.common import aws
from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.settings import Settings

log = structlog.get_logger(__name__)


class Publisher:
    """Publishes the insights of one lake. Keep it as long as the lake: it remembers the recent restatements."""

    def __init__(self, lake: Lake, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._lake = lake
        self._clock = clock
        self._recent = RecentRestatements(lake)

    def publish(self, target: Target, report: RefreshReport | None = None, *, force: bool = False) -> bool:
        """Publish to `target` unless it has the insights of this refresh and this ledger; see `publish`.

        Returns:
            True when something was published.
        """
        started = time.monotonic()
        with target.exclusive():
            # One snapshot for all that follows: what is committed meanwhile waits for the next publication.
            version = self._lake.snapshot_id()
            watermark = read_watermark(self._lake, version)
            if watermark is None:
                raise Fatal("There are no aggregates to publish yet. Run `billstream aggregate`.")
            # The newest snapshot whose charges the aggregates are known to hold.
            current = report.snapshot_id if report and report.watermark == watermark else watermark.snapshot_id
            lines = count_ledger_lines(self._lake, version=current)
            today = self._clock().date()
            analysis = read_analysis(self._lake, version)
            analysis_id = analysis.analysis_id if analysis else None
            mark = Mark(SCHEMA_VERSION, watermark.snapshot_id, watermark.refreshed_at, lines, today, analysis_id)
            # The ledger grows also without new charges: a quarantined file is news for the freshness section.
            if not force and target.published() == mark:
                return False
            insights = read_insights(
                self._lake, watermark, version=version, snapshot_id=current, today=today, recent=self._recent
            )
            insights = insights.model_copy(update={"analysis_id": analysis_id})
            target.publish(insights)
        tell_omissions([omission.model_dump() for omission in insights.omissions])
        seconds = round(time.monotonic() - started, 3)
        log.info("insights_published", snapshot=current, target=str(target), seconds=seconds)
        return True


def target_of(settings: Settings) -> FolderTarget | BucketTarget:
    """Return the target that `BILLSTREAM_INSIGHTS_DIR` names.

    Raises:
        Misconfigured, ServiceUnavailable: see `common.aws.s3_client`; only where it is a prefix of a bucket.
    """
    if settings.insights_url:
        return BucketTarget(settings.insights_url, aws.s3_client())
    return FolderTarget(settings.insights, settings.insights_readers)


def publish(
    lake: Lake, settings: Settings, report: RefreshReport | None = None, *, force: bool = False
) -> Path | str | None:
    """Write the insights files when they are absent or differ from the lake.

    Args:
        lake: nothing is written to it.
        settings: the folder or S3 prefix of the insights.
        report: the newest refresh; it names the newest snapshot after the watermark with the same charges.
        force: write the files in any case.

    Returns:
        The folder or URL, or None when it was up to date.

    Raises:
        Retryable: the lake does not answer, or the folder cannot be written at the moment.
        Fatal: the folder may not be written, or there has been no refresh yet.
    """
    published = Publisher(lake).publish(target_of(settings), report, force=force)
    return (settings.insights_url or settings.insights) if published else None
