"""Which sources have not completed a day: what is compared up to it may still grow."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from billstream.aggregator.insights.models import BASE, Reading
from billstream.aggregator.insights.periods import TREND_DAYS
from billstream.aggregator.insights.words import day_in_words, provider_in_words
from billstream.aggregator.restatements.recent import RecentRestatements
from billstream.aggregator.watermark import read_watermark
from billstream.common.lake import Lake


@dataclass(frozen=True)
class Unfinished:
    """A source that is complete up to an earlier day; `complete_to` is None where no day of it is."""

    provider: str | None
    currency: str | None
    complete_to: date | None

    @property
    def sentence(self) -> str:
        """The same in words."""
        name = provider_in_words(self.provider)
        if self.complete_to is None:
            return f"{name} has no complete day yet: what it costs may still grow."
        return f"{name} is complete up to {day_in_words(self.complete_to)}: later days may grow, or have not come yet."


def unfinished_at(lake: Lake, last_day: date, *, now: datetime | None = None) -> list[Unfinished]:
    """Return the sources that have not completed a day, as the newest aggregates have them; none without aggregates.

    Args:
        lake: nothing is written to it.
        last_day: the last day that is compared.
        now: default: the clock.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    version = lake.snapshot_id()
    watermark = read_watermark(lake, version)
    if watermark is None:
        return []
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    reading = Reading(lake, watermark, version, version, RecentRestatements(lake), today)
    reading.run(BASE)
    # A source that ended a quarter before is no part of what is compared.
    return [
        Unfinished(source.provider, source.currency, source.last_complete_day)
        for source in reading.sources
        if source.last_charge_day > last_day - timedelta(TREND_DAYS)
        if source.last_complete_day is None or source.last_complete_day < last_day
    ]
