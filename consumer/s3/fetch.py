"""Objects on local disk, checked and opened, before anything is decided about their rows."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from billstream.common.errors import Denied, NoRoom, ObjectMissing, Poison, ServiceUnavailable
from billstream.common.ids import new_id
from billstream.common.scratch import needing_room, outgrows, scratch_folder
from billstream.consumer.decode import Tabular, open_tabular, plain_text
from billstream.consumer.events import Gone, Later, ObjectEvent, ObjectVersion
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.profiles.origin import Origin
from billstream.consumer.s3.objects import ObjectStore

T = TypeVar("T")

log = structlog.get_logger(__name__)

MISSING_ATTEMPTS = 3
"""After so many receives of its message, an object that is not there is written down as missing."""

_SMALLER = "No row of it is loaded: make room, or split it, then run `billstream quarantine reload`."

Current = ObjectVersion | Gone | Later | Poison
"""The store's word on which version is current: that there is none, that it does not answer, or that it never will."""


@dataclass(frozen=True)
class Spool:
    """Local scratch space for objects on their way into the lake. Everything in it may be lost at any time."""

    folder: Path

    @contextmanager
    def session(self) -> Iterator[Path]:
        """Make an empty folder for as long as the context lasts; the next start removes that of a killed process."""
        with scratch_folder(self.folder, "round") as folder:
            yield folder


@dataclass(frozen=True)
class Prepared:
    """An object that was fetched and opened: a `tabular` to load, or the reason why there is none.

    `load_id` names the load that the object becomes, and its entry in the ledger.
    """

    load_id: str
    version: ObjectVersion | None = None
    content_sha256: str | None = None
    tabular: Tabular | None = None
    poison: str | None = None
    denied: str | None = None
    missing: str | None = None


def ask_current(objects: ObjectStore, events: Sequence[ObjectEvent]) -> list[Current]:
    """Ask the store which version is current of the key of each event, several at a time.

    Raises:
        Fatal: we are not allowed to ask.
    """

    def head(event: ObjectEvent) -> ObjectVersion | Gone | Poison:
        try:
            return objects.current(event)
        except Poison as poison:
            return poison

    return _at_once(head, events, objects.requests_at_once)


def uncounted(tabular: Tabular, *, of_delivery: bool) -> str | None:
    """Return why a file is refused that counts only as a part of a delivery; None for all others."""
    profile = tabular.binding.profile if tabular.binding else None
    if profile is None or profile.scope != "delivery" or of_delivery:
        return None
    return (
        f"Files of the profile {profile.name} count only as parts of a delivery with a manifest, "
        "and no layout of exports knows this key."
    )


class Fetcher:
    """Fetches and opens the objects of one batch, each once, however often the batch is decided again.

    Args:
        objects: the store.
        profiles: those that a file may have.
        folder: local disk for the objects.
        of_delivery: a layout tells to which delivery these objects belong; some profiles count only such files.
        origin: returns the origin of the object with a key, for profiles that ask for one.
    """

    def __init__(
        self,
        objects: ObjectStore,
        profiles: ProfileRegistry,
        folder: Path,
        *,
        of_delivery: bool = False,
        origin: Callable[[str], Origin] = Origin.of,
    ) -> None:
        self._objects = objects
        self._profiles = profiles
        self._folder = folder
        self._of_delivery = of_delivery
        self._origin = origin
        self._fetched: dict[str, Prepared | Later] = {}

    def fetch(self, events: Sequence[ObjectEvent]) -> list[Prepared | Later]:
        """Fetch and open the objects of these events, several at a time. What finds no room on the disk comes later.

        Raises:
            Fatal: we are not allowed to read one of them that is ours.
        """
        new = [event for event in events if event.scope not in self._fetched]
        self._fetched.update(
            zip([event.scope for event in new], _at_once(self._get, new, self._objects.requests_at_once), strict=True)
        )
        return [self._fetched[event.scope] for event in events]

    def forget(self, scope: str) -> None:
        """Fetch the object of this scope again the next time it is asked for."""
        self._fetched.pop(scope, None)

    def _get(self, event: ObjectEvent) -> Prepared | Later:
        """Fetch one object, read its text, find its profile. What was found until one of them failed is kept."""
        load_id, version, content, tabular = new_id(), None, None, None
        try:
            # What is logged about the file, such as the columns that no profile knows, names its object.
            with needing_room(f"fetching {event.scope}"), structlog.contextvars.bound_contextvars(scope=event.scope):
                # No text of a key or a header is ever part of a path.
                fetched = self._objects.fetch(event, self._folder / f"{load_id}.object")
                version = fetched.version
                text = plain_text(fetched.path, self._folder / f"{load_id}.text")
                content = text.content_sha256
                tabular = open_tabular(load_id, text, self._profiles, self._origin(event.key))
            if why := uncounted(tabular, of_delivery=self._of_delivery):
                raise Poison(why)  # noqa: TRY301 - one more way in which a file is refused
        except NoRoom as full:
            return self._too_large(event, load_id, version, content, full)
        except ObjectMissing as error:
            # A notification may overtake its object, so it gets a few tries before the ledger says missing.
            return Later(str(error)) if event.attempt < MISSING_ATTEMPTS else Prepared(load_id, missing=str(error))
        except Denied as denied:
            return Prepared(load_id, denied=str(denied))
        except Poison as poison:
            return Prepared(load_id, version, content, poison=str(poison))
        return Prepared(load_id, version, content, tabular)

    def _too_large(
        self, event: ObjectEvent, load_id: str, version: ObjectVersion | None, content: str | None, full: NoRoom
    ) -> Prepared | Later:
        """Return the end of an object that found no room: a later attempt, unless the disk is too small for it alone.

        Its files leave the spool, so that those of others have room.
        """
        alone = outgrows(self._folder, load_id)
        for path in self._folder.glob(f"{load_id}.*"):
            path.unlink(missing_ok=True)
        if alone:
            reason = "The object, or what it decompresses to, has no room on the disk of BILLSTREAM_SPOOL_DIR"
            log.warning("object_outgrows_spool", scope=event.scope)
            return Prepared(load_id, version, content, poison=f"{reason}. {_SMALLER}")
        return Later(str(full), unavailable=True)


def _at_once(request: Callable[[ObjectEvent], T], events: Sequence[ObjectEvent], threads: int) -> list[T | Later]:
    """Make a request for each event, so many at a time. A store that is found away is not asked again."""
    outage: list[str] = []

    def unless_away(event: ObjectEvent) -> T | Later:
        # Each call to a store that is away takes many seconds; a whole batch of them would take minutes.
        if not outage:
            try:
                return request(event)
            except ServiceUnavailable as error:
                outage.append(str(error))
        return Later(outage[0], unavailable=True)

    if threads == 1 or len(events) < 2:  # noqa: PLR2004 - one is not worth a thread
        return [unless_away(event) for event in events]
    with ThreadPoolExecutor(threads, thread_name_prefix="s3") as pool:
        return list(pool.map(unless_away, events))
