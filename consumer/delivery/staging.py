"""The parts of a delivery fetched, decoded and staged, a group at a time: a delivery may be large, its groups are not.

Staged rows lie in the data path and belong to nothing yet. Fetched files leave the spool once their group is staged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from billstream.common.errors import Denied, ObjectMissing, Poison, ServiceUnavailable
from billstream.common.failpoints import failpoint
from billstream.common.ids import new_id
from billstream.common.scratch import needing_room
from billstream.consumer.commit.ledger import no_row_fits
from billstream.consumer.context import Context
from billstream.consumer.decide.decision import same_version
from billstream.consumer.decode import Staged, StagedLoad
from billstream.consumer.delivery.parts import Part
from billstream.consumer.events import Later, ObjectEvent, ObjectVersion, batches
from billstream.consumer.layouts.manifest import MAX_BYTES, Manifest
from billstream.consumer.layouts.place import Place
from billstream.consumer.profiles.origin import Origin
from billstream.consumer.quality import miscounted
from billstream.consumer.s3.fetch import Fetcher, Prepared

MOST_REJECTED_ROWS = 100_000
"""Kept for one delivery; all are counted. A delivery of bad rows only must not fill the memory with their texts."""


@dataclass
class StagedParts:
    """The parts that were staged for a delivery. `basis` tells whether they still hold when the work is redone."""

    basis: tuple[object, ...] = ()
    prepared: dict[str, Prepared] = field(default_factory=dict)  # by scope
    staged: Staged = field(default_factory=Staged)

    def load(self, part: Part) -> tuple[Prepared, StagedLoad] | None:
        """Return the new load of a part; None when its active rows stay."""
        prepared = self.prepared.get(part.event.scope)
        staged = self.staged.loads.get(prepared.load_id) if prepared else None
        return (prepared, staged) if prepared and staged else None


def basis_of(parts: Sequence[Part]) -> tuple[object, ...]:
    """Return what the staging of these parts depends on: their versions, and their active loads."""
    return tuple((part.named_version, part.load_id) for part in parts)


def stage_parts(
    parts: Sequence[Part], context: Context, origin: Callable[[str], Origin], *, force: bool
) -> StagedParts:
    """Fetch, decode and stage parts. Whatever goes wrong, nothing stays staged.

    Args:
        parts: those that may have changed.
        context: has the tools.
        origin: returns the origin of the part with a key.
        force: stage also a part whose content is active.

    Raises:
        Later: a part cannot be had now.
        Poison: a part cannot be loaded; the text names it.
        Retryable: the disk is full, or the data path does not answer.
        Fatal: to go on would be wrong.
    """
    done = StagedParts(basis_of(parts))
    try:
        for group in batches(
            parts,
            context.group_files,
            most_bytes=context.group_bytes,
            size_bytes=lambda part: part.version.size_bytes,
        ):
            _stage_group(group, context, origin, done, force=force)
    except BaseException:
        context.staging.discard(done.staged)
        raise
    return done


def origins_of(manifest: Manifest, place: Place) -> Callable[[str], Origin]:
    """Return a function from the key of a part to its origin."""

    def origin(key: str) -> Origin:
        return Origin.of(key, place.export, manifest.dataset, manifest.data_version)

    return origin


def fetch_manifest(event: ObjectEvent, context: Context) -> tuple[ObjectVersion, bytes]:
    """Return a manifest's bytes, and the version they are.

    Raises:
        Later: it cannot be had now.
        Poison: the store will never hand it out, or it is too large.
        NoRoom: the disk of the spool is full.
        Fatal: we are not allowed to read it.
    """
    with context.spool.session() as folder, needing_room(f"fetching {event.scope}"):
        try:
            fetched = context.objects.fetch(event, folder / f"{new_id()}.manifest")
        except ObjectMissing as error:
            raise Later(str(error), missing=event) from error
        except ServiceUnavailable as error:
            raise Later(str(error), unavailable=True) from error
        size = fetched.version.size_bytes
        if size > MAX_BYTES:
            raise Poison(f"The manifest has {size:,} bytes; more than {MAX_BYTES:,} are not read.")
        return fetched.version, fetched.path.read_bytes()


def _stage_group(
    group: Sequence[Part], context: Context, origin: Callable[[str], Origin], done: StagedParts, *, force: bool
) -> None:
    with context.spool.session() as folder:
        fetcher = Fetcher(context.objects, context.profiles, folder, of_delivery=True, origin=origin)
        with failpoint("fetch"):
            answers = fetcher.fetch([part.event for part in group])
        prepared = {part.event.scope: _checked(part, one) for part, one in zip(group, answers, strict=True)}
        keys, files = {}, []
        for part in group:
            one, held = prepared[part.event.scope], part.held
            keys[one.load_id] = part.event.key
            same = held and held.load_id and held.content_sha256 and held.content_sha256 == one.content_sha256
            if one.tabular and (force or not same):
                files.append(one.tabular)
        with failpoint("stage"):
            staged = context.stage(files) if files else Staged()
        done.staged.take(staged)
        _count_rows(done.staged, {prepared[part.event.scope].load_id: part.rows for part in group}, context)
        for load_id, reason in done.staged.poisoned.items():
            raise Poison(f"The part {keys[load_id]} cannot be loaded: {reason}")
        for load_id, load in staged.loads.items():
            if why := no_row_fits(load):
                raise Poison(f"The part {keys[load_id]} cannot be loaded: {why}")
        _drop_surplus_rejects(done.staged)
        done.prepared |= prepared


def _checked(part: Part, answer: Prepared | Later) -> Prepared:
    key = part.event.key
    if isinstance(answer, Later):
        raise answer
    if answer.missing:
        raise Later(f"The part {key} is not there any more.", missing=part.event)
    if answer.denied:
        raise Denied(f"The part {key}: {answer.denied}")
    if answer.poison:
        raise Poison(f"The part {key} cannot be loaded: {answer.poison}")
    if part.event.has_identity and answer.version and not same_version(answer.version, part.version):
        raise Later(f"The part {key} was replaced while the delivery was read.")
    return answer


def _count_rows(staged: Staged, told: Mapping[str, int | None], context: Context) -> None:
    """Judge parts by what their manifest tells of them; one that is refused for it is poisoned."""
    quality = context.staging.quality
    said = {load_id: rows for load_id, rows in told.items() if rows is not None}
    for load_id, broken in miscounted(context.lake, quality.rules, staged.loads, said).items():
        load = replace(staged.loads[load_id], failing={**staged.loads[load_id].failing, **broken})
        staged.loads[load_id] = load
        staged.poisoned |= quality.refused({load_id: load})


def _drop_surplus_rejects(staged: Staged) -> None:
    room = MOST_REJECTED_ROWS
    for load_id, load in staged.loads.items():
        if len(load.rejected) > room:
            staged.loads[load_id] = replace(load, rejected=load.rejected[:room])
        room -= len(staged.loads[load_id].rejected)
