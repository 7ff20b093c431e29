"""What the work on events is done with: the lake, the store, and the rest of a consumer's tools."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from billstream.common.errors import Fatal
from billstream.common.settings import DuplicatePolicy
from billstream.consumer.commit.ledger import State
from billstream.consumer.delivery.exports import Exports

if TYPE_CHECKING:
    from billstream.common.lake import Lake
    from billstream.consumer.commit.breaker import Breaker
    from billstream.consumer.commit.unit import Unit
    from billstream.consumer.decide.step import LedgerWriter
    from billstream.consumer.decode import Staged, Staging
    from billstream.consumer.profiles import ProfileRegistry
    from billstream.consumer.s3.objects import ObjectStore
    from billstream.consumer.s3.spool import Spool

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Context:
    """The tools of one process; not for use by two threads at a time."""

    lake: "Lake"
    objects: "ObjectStore"
    profiles: "ProfileRegistry"
    spool: "Spool"
    staging: "Staging"
    writer: "LedgerWriter"
    breaker: "Breaker"
    on_duplicate_content: DuplicatePolicy
    clock: Callable[[], datetime]
    exports: Exports = field(default_factory=Exports)

    def commit(self, unit: "Unit", staged: "Staged") -> int:
        """Commit a unit with the rows that are staged for it, unless too much of late could not be loaded.

        Returns:
            The snapshot's id.

        Raises:
            Retryable: see `Lake.commit`; decide the whole unit anew.
            Fatal: the breaker stops it; nothing stays staged.
        """
        try:
            self.breaker.check(unit.poisoned)
        except Fatal:
            for entry in unit.entries:
                if entry.state is State.QUARANTINED:
                    log.warning("object_unreadable", scope=entry.scope, reason=entry.reason)
            self.staging.discard(staged)
            raise
        unit.staged_paths = staged.paths
        snapshot = unit.commit(self.lake, self.writer.consumer_id)
        self.breaker.record(unit.poisoned)
        return snapshot
