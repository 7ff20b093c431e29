"""An alert, the letter that sinks get of it, and the failure to deliver one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from billstream.aggregator.pages.text import visible
from billstream.common.errors import Retryable
from billstream.common.masking import masked

Kind = Literal["anomaly", "notice", "budget", "stale_source", "restatement", "digest"]
"""An anomaly is worth an interruption, a notice worth a look."""

KINDS: tuple[Kind, ...] = get_args(Kind)
USUAL_KINDS: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind != "notice")
"""The kinds of a sink that names none."""

LONGEST_TITLE = 150
LONGEST_TEXT = 2800
"""Characters of a text; a block of Slack holds 3,000."""
LONGEST_PAYLOAD = 50_000
LONGEST_REASON = 300


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Something to tell. Two alerts with one `dedupe_key` are the same: the second is not queued.

    `incident` and `amount`: what the limit of a sink counts by; see `limits`. `sinks`: names of those that are told;
    None for every sink that takes this kind.
    """

    kind: Kind
    dedupe_key: str
    title: str
    text: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    incident: str | None = None
    amount: Decimal | None = None
    sinks: tuple[str, ...] | None = None

    def payload_json(self) -> str:
        """Return the payload as JSON. One that is too long for a message is left out, which is said in its place."""
        text = json.dumps(dict(self.payload), ensure_ascii=False, default=str)
        return text if len(text) <= LONGEST_PAYLOAD else json.dumps({"left_out": f"{len(text):,} characters"})


@dataclass(frozen=True, kw_only=True)
class Letter:
    """An alert as a sink gets it: bounded, and without characters that could be taken for headers or hide others."""

    alert_id: str
    kind: str
    title: str
    text: str
    payload: str
    created_at: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Letter":
        """Return the letter of a row of the outbox."""
        lines = [visible(line) if line.strip() else "" for line in str(row["text"]).split("\n")]
        return cls(
            alert_id=row["alert_id"],
            kind=row["kind"],
            title=_bounded(visible(row["title"]), LONGEST_TITLE),
            text=_bounded("\n".join(lines), LONGEST_TEXT),
            payload=row["payload"],
            created_at=row["created_at"],
        )

    def body(self) -> dict[str, object]:
        """Return the alert for programs."""
        return {
            "id": self.alert_id,
            "kind": self.kind,
            "title": self.title,
            "text": self.text,
            "created_at": self.created_at.astimezone(UTC).isoformat(),
            "data": json.loads(self.payload),
        }


class Undelivered(Retryable):
    """A sink did not take a letter. Its text is shown to operators: it has no secret, and it is one line.

    `answered`: the sink is there and refused this letter; others may pass. `retry_after`: seconds that it asks for.
    """

    def __init__(self, reason: str, *, answered: bool = False, retry_after: float | None = None) -> None:
        super().__init__(_bounded(visible(masked(reason)), LONGEST_REASON))
        self.answered = answered
        self.retry_after = retry_after


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
