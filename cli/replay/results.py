"""The results of a replay; one that runs in this process has a `BackfillResult`."""

from collections import Counter
from dataclasses import dataclass, field

from billstream.consumer.backfill.backfill import BackfillResult


@dataclass
class Foreseen:
    """What a replay would do: how many objects of how many bytes, and what each would get."""

    objects: int = 0
    size_bytes: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)


@dataclass
class Sent:
    """What went to the queue. Local files are no business of a queue and are left out."""

    notices: int = 0
    left_out: int = 0


Result = BackfillResult | Foreseen | Sent
