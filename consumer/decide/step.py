"""One event on its way through a batch: what the ledger holds of it, the verdict, and the object once it is fetched."""

from dataclasses import dataclass, replace

from billstream.common.lake import ProcessedKey
from billstream.consumer.decide.decision import Verdict
from billstream.consumer.decide.states import ACTIVE
from billstream.consumer.events import ObjectEvent
from billstream.consumer.s3.fetch import Prepared


@dataclass(frozen=True)
class Step:
    """One event, the newest entry of its scope, and the verdict on it.

    `duplicate_of` names the scope whose active load has the same content.
    """

    event: ObjectEvent
    held: ProcessedKey | None
    verdict: Verdict
    prepared: Prepared | None = None
    duplicate_of: str | None = None

    @property
    def load_id(self) -> str | None:
        """The load this step makes, if it is to load rows."""
        loads = self.verdict is Verdict.LOAD and self.prepared and self.prepared.tabular
        return self.prepared.load_id if loads and self.prepared else None

    def with_verdict(self, verdict: Verdict) -> "Step":
        """Return the same step with another verdict."""
        return replace(self, verdict=verdict)

    def with_content(self, prepared: Prepared) -> "Step":
        """Return the step, now that the content of its object is known: the same content again changes no rows."""
        same = (
            not self.event.force
            and self.held is not None
            and self.held.state in ACTIVE
            and self.held.content_sha256 is not None
            and self.held.content_sha256 == prepared.content_sha256
        )
        # Without a version of its own the event told nothing new, so there is nothing to write down either.
        known = Verdict.UNCHANGED if self.event.has_identity else Verdict.DUPLICATE
        return replace(self, verdict=known if same else self.verdict, prepared=prepared)
