"""What the samples have out of the ordinary, and whether the insights have found it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from billstream.cli.demo.samples import Story
from billstream.cli.demo.samples.story import ENOUGH_DAYS
from billstream.cli.demo.verdict import Check

Insight = Mapping[str, Any]


@dataclass(frozen=True)
class Planted:
    """A rise of one service from a day on. `late_days`: one that grows slowly is told when it is large enough."""

    what: str
    service: str
    first_day: date
    late_days: int = 0

    def is_told_by(self, anomaly: Insight) -> bool:
        """Return whether an anomaly is this rise."""
        late = (date.fromisoformat(anomaly["first_day"]) - self.first_day).days
        return anomaly["service"] == self.service and anomaly["direction"] == "up" and 0 <= late <= self.late_days


def found_in(insights: Insight, story: Story) -> list[Check]:
    """Return the checks of what the insights must tell about the samples; too short a history has none."""
    season = story.season
    if story.days < ENOUGH_DAYS:
        return []
    planted = (
        Planted("GPUs left on", "GPU Instances", season.incident),
        Planted("A leak", "Object Store", season.leak, late_days=7),
        Planted("A price rise", "Network", season.price_rise),
    )
    anomalies = insights["anomalies"]
    return [
        *(_anomaly(one, anomalies) for one in planted),
        _check(
            "The commitment that was bought upfront is no anomaly",
            not any(one["service"] == "Billing" for one in anomalies),
        ),
        _check("A vendor whose files are late is named", any(map(_is_late, insights["omissions"]))),
        _check("A budget that will break is told before it breaks", any(map(_breaks, insights["budgets"]))),
    ]


def _anomaly(planted: Planted, anomalies: Iterable[Insight]) -> Check:
    told = [one for one in anomalies if planted.is_told_by(one)]
    sentence = f": {told[0]['sentence']}" if told else ""
    return _check(f"{planted.what} is found{sentence}", bool(told))


def _is_late(omission: Insight) -> bool:
    return omission["kind"] in {"lagging_sources", "stale_sources"}


def _breaks(budget: Insight) -> bool:
    return any(rule["rule"].startswith("forecast") and rule["state"] == "firing" for rule in budget["rules"])


def _check(sentence: str, holds: bool) -> Check:  # noqa: FBT001 - a fact
    return Check(f"{sentence.removesuffix('.')}." if holds else f"{sentence}: no.", holds)
