"""What the store says is current, asked for many objects at a time."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billstream.common.errors import Poison, ServiceUnavailable
from billstream.consumer.events import Gone, ObjectEvent, ObjectVersion
from billstream.consumer.s3.fetch import FETCHES_AT_ONCE, Released

if TYPE_CHECKING:
    from billstream.consumer.s3.objects import ObjectStore


@dataclass(frozen=True)
class Refused:
    """The store will not tell, and asking again would not help."""

    reason: str


Reply = ObjectVersion | Gone | Released | Refused


class HeadRequests:
    """Asks on behalf of one round. A store that is found away is not asked again."""

    def __init__(self, objects: "ObjectStore") -> None:
        self._objects = objects
        self._outage: str | None = None

    def ask(self, events: Sequence[ObjectEvent]) -> list[Reply]:
        """What is current of the key of each event, several asked at a time.

        Raises:
            Fatal: we are not allowed to ask.
        """
        if not events:
            return []
        with ThreadPoolExecutor(FETCHES_AT_ONCE, thread_name_prefix="ask") as pool:
            return list(pool.map(self._ask, events))

    def _ask(self, event: ObjectEvent) -> Reply:
        # Each call to a store that is away takes many seconds; a whole round of them would take minutes.
        if self._outage:
            return Released(self._outage, unavailable=True)
        try:
            return self._objects.current(event)
        except Poison as poison:
            return Refused(str(poison))
        except ServiceUnavailable as error:
            self._outage = str(error)
            return Released(self._outage, unavailable=True)
