"""Objects brought to local disk, checked and opened, before anything is decided about their rows."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billstream.common.errors import ObjectMissing, Poison, ServiceUnavailable
from billstream.common.ids import new_id
from billstream.common.scratch import needing_room
from billstream.consumer.decode import Tabular, open_tabular, plain_text
from billstream.consumer.events import ObjectEvent, ObjectVersion

if TYPE_CHECKING:
    from billstream.consumer.profiles import ProfileRegistry
    from billstream.consumer.s3.objects import ObjectStore
    from billstream.consumer.s3.spool import SpoolSession

MISSING_ATTEMPTS = 3
"""After so many receives an object that is not there is written down as missing."""

FETCHES_AT_ONCE = 8


@dataclass(frozen=True)
class Prepared:
    """What fetching and opening an object brought: a `tabular` to load, or the reason why there is none.

    `load_id` names the load that the object becomes, and its line of the ledger.
    """

    load_id: str
    version: ObjectVersion | None = None
    content_sha256: str | None = None
    tabular: Tabular | None = None
    poison: str | None = None
    missing: str | None = None


@dataclass(frozen=True)
class Released:
    """The object cannot be had now; its event has to come again. `unavailable` if the store is away as a whole."""

    reason: str
    unavailable: bool = False


class Preparation:
    """Prepares each object of one round once, however often the round is redone.

    `of_delivery` says that a manifest lists these objects; some profiles count only such files.
    """

    def __init__(
        self,
        objects: "ObjectStore",
        profiles: "ProfileRegistry",
        spool: "SpoolSession",
        *,
        of_delivery: bool = False,
    ) -> None:
        self._of_delivery = of_delivery
        self._objects = objects
        self._profiles = profiles
        self._spool = spool
        self._done: dict[str, Prepared | Released] = {}
        self._outage: str | None = None

    def prepare(self, events: Sequence[ObjectEvent]) -> list[Prepared | Released]:
        """Fetch and open the objects of these events, several at a time.

        Raises:
            NoRoom: the disk of the spool is full.
            Fatal: we are not allowed to read one of them that is ours.
        """
        new = [event for event in events if event.scope not in self._done]
        with ThreadPoolExecutor(FETCHES_AT_ONCE, thread_name_prefix="fetch") as pool:
            self._done.update(zip([event.scope for event in new], pool.map(self._fetch, new), strict=True))
        return [self._done[event.scope] for event in events]

    def forget(self, scopes: Sequence[str]) -> None:
        """Fetch the objects of these scopes anew the next time they are asked for."""
        for scope in scopes:
            self._done.pop(scope, None)

    def _fetch(self, event: ObjectEvent) -> Prepared | Released:
        # Each call to a store that is away takes many seconds; a whole round of them would take minutes.
        if self._outage:
            return Released(self._outage, unavailable=True)
        with needing_room(f"fetching {event.scope}"):
            return self._bring(event, new_id())

    def _bring(  # noqa: PLR0911 - each way that it may end
        self, event: ObjectEvent, load_id: str
    ) -> Prepared | Released:
        try:
            fetched = self._objects.fetch(event, self._spool.file(load_id, "object"))
        except ObjectMissing as error:
            if event.attempt < MISSING_ATTEMPTS:
                return Released(str(error))
            return Prepared(load_id, missing=str(error))
        except ServiceUnavailable as error:
            self._outage = str(error)
            return Released(self._outage, unavailable=True)
        except Poison as poison:
            return Prepared(load_id, poison=str(poison))
        try:
            text = plain_text(fetched.path, self._spool.file(load_id, "text"))
        except Poison as poison:
            return Prepared(load_id, fetched.version, poison=str(poison))
        try:
            tabular = self._counting(open_tabular(load_id, text, self._profiles, event.key))
        except Poison as poison:
            return Prepared(load_id, fetched.version, text.content_sha256, poison=str(poison))
        return Prepared(load_id, fetched.version, text.content_sha256, tabular)

    def _counting(self, tabular: Tabular) -> Tabular:
        binding = tabular.binding
        if binding and binding.profile.scope == "delivery" and not self._of_delivery:
            raise Poison(
                f"Files of the profile {binding.profile.name} count only as parts of a delivery with a manifest, "
                "and no layout of exports knows this key."
            )
        return tabular
