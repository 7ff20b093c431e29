"""The counts of one run of the consumer."""

from collections import Counter
from dataclasses import dataclass, field

from billstream.common.metrics import catalogue as metrics
from billstream.consumer.commit.outcome import Outcome


@dataclass
class Summary:
    """The counts of one run of the worker."""

    messages: int = 0
    files: int = 0
    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.outcomes[outcome.label] += 1
        if outcome.entry:
            self.files += 1
            self.rows += outcome.rows_loaded

    def leave_out(self, label: str) -> None:
        """Count what is acknowledged without a look at the ledger: `ignored` or `not_included`."""
        self.outcomes[label] += 1
        metrics.OBJECTS.add(1, label)
