"""The parts of a delivery brought, decoded and staged, a group at a time: a delivery may be large, its groups are not.

What is staged lies in the data path and belongs to nothing yet; what was fetched is gone from the spool as soon as its
group is staged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from billstream.common.errors import ObjectMissing, Poison, ServiceUnavailable
from billstream.common.failpoints import failpoint
from billstream.common.ids import new_id
from billstream.common.scratch import needing_room
from billstream.consumer.decide.decision import same_version
from billstream.consumer.decide.step import no_row_fits
from billstream.consumer.decode import Staged, Tabular
from billstream.consumer.delivery.parts import NotYet, Part
from billstream.consumer.events import ObjectEvent, ObjectVersion
from billstream.consumer.layouts.manifest import MAX_BYTES
from billstream.consumer.s3.fetch import Preparation, Prepared, Released

if TYPE_CHECKING:
    from billstream.consumer.context import Context
    from billstream.consumer.decode import StagedLoad

MOST_REJECTED_ROWS = 100_000
"""Listed for one delivery; all are counted."""


@dataclass
class Brought:
    """What became of parts. `basis` tells whether it still holds when the work is redone."""

    basis: tuple[object, ...] = ()
    prepared: dict[str, Prepared] = field(default_factory=dict)  # by scope
    staged: Staged = field(default_factory=Staged)

    def load(self, part: Part) -> "tuple[Prepared, StagedLoad] | None":
        """The new load of a part; None when what is in force stays."""
        prepared = self.prepared.get(part.event.scope)
        staged = self.staged.loads.get(prepared.load_id) if prepared else None
        return (prepared, staged) if prepared and staged else None


def basis_of(parts: Sequence[Part]) -> tuple[object, ...]:
    """What bringing these parts depends on: their versions, and what is in force of them."""
    return tuple((part.named_version, part.load_id) for part in parts)


def bring(parts: Sequence[Part], context: "Context", *, force: bool) -> Brought:
    """Fetch, decode and stage parts. Whatever goes wrong, nothing stays staged.

    Args:
        parts: those that are to be looked into.
        context: lends its tools.
        force: stage also a part whose content is in force.

    Raises:
        NotYet: a part cannot be had now.
        Poison: a part cannot be loaded; the text names it.
        Retryable: the disk is full, or the data path does not answer.
        Fatal: going on would be wrong.
    """
    brought = Brought(basis_of(parts))
    try:
        for group in _groups(parts, context):
            _bring_group(group, context, brought, force=force)
    except BaseException:
        context.staging.discard(brought.staged)
        raise
    return brought


def fetch_manifest(event: ObjectEvent, context: "Context") -> tuple[ObjectVersion, bytes]:
    """A manifest's bytes, and the version they are.

    Raises:
        NotYet: it cannot be had now.
        Poison: the store will never hand it out, or it is too large.
        NoRoom: the disk of the spool is full.
        Fatal: we are not allowed to read it.
    """
    with context.spool.session() as session, needing_room(f"fetching {event.scope}"):
        try:
            fetched = context.objects.fetch(event, session.file(new_id(), "manifest"))
        except ObjectMissing as error:
            raise NotYet(Released(str(error)), event) from error
        except ServiceUnavailable as error:
            raise NotYet(Released(str(error), unavailable=True)) from error
        if fetched.version.size_bytes > MAX_BYTES:
            raise Poison(
                f"The manifest has {fetched.version.size_bytes:,} bytes; more than {MAX_BYTES:,} are not read."
            )
        return fetched.version, fetched.path.read_bytes()


def _groups(parts: Sequence[Part], context: "Context") -> Iterator[list[Part]]:
    group: list[Part] = []
    size = 0
    for part in parts:
        if group and (len(group) >= context.exports.group_files or size >= context.exports.group_bytes):
            yield group
            group, size = [], 0
        group.append(part)
        size += part.version.size_bytes
    if group:
        yield group


def _bring_group(group: Sequence[Part], context: "Context", brought: Brought, *, force: bool) -> None:
    with context.spool.session() as session:
        preparation = Preparation(context.objects, context.profiles, session, of_delivery=True)
        with failpoint("fetch"):
            answers = preparation.prepare([part.event for part in group])
        prepared = {part.event.scope: _checked(part, one) for part, one in zip(group, answers, strict=True)}
        files = [
            one.tabular
            for part in group
            if (one := prepared[part.event.scope]).tabular and (force or not _same_content(part, one))
        ]
        names = {one.load_id: part.event.key for part in group if (one := prepared[part.event.scope])}
        with failpoint("stage"):
            staged = _stage([file for file in files if file], context)
        brought.staged.take(staged)
        _check_rows(staged, names)
        _forget_surplus(brought.staged)
        brought.prepared |= prepared


def _stage(files: Sequence[Tabular], context: "Context") -> Staged:
    return context.staging.stage(files, new_id()) if files else Staged()


def _checked(part: Part, answer: Prepared | Released) -> Prepared:
    key = part.event.key
    if isinstance(answer, Released):
        raise NotYet(answer)
    if answer.missing:
        raise NotYet(Released(f"The part {key} is not there any more."), part.event)
    if answer.poison:
        raise Poison(f"The part {key} cannot be loaded: {answer.poison}")
    if part.event.has_identity and answer.version and not same_version(answer.version, part.version):
        raise NotYet(Released(f"The part {key} was replaced while the delivery was read."))
    return answer


def _same_content(part: Part, prepared: Prepared) -> bool:
    held = part.held
    return bool(held and held.load_id and held.content_sha256 and held.content_sha256 == prepared.content_sha256)


def _check_rows(staged: Staged, names: dict[str, str]) -> None:
    for load_id, reason in staged.poisoned.items():
        raise Poison(f"The part {names[load_id]} cannot be loaded: {reason}")
    for load_id, load in staged.loads.items():
        if why := no_row_fits(load):
            raise Poison(f"The part {names[load_id]} cannot be loaded: {why}")


def _forget_surplus(staged: Staged) -> None:
    """A delivery of thousands of parts, all of them full of misfits, must not fill the memory with their texts."""
    room = MOST_REJECTED_ROWS
    for load_id, load in staged.loads.items():
        if len(load.rejected) > room:
            staged.loads[load_id] = replace(load, rejected=load.rejected[:room])
        room -= len(staged.loads[load_id].rejected)
