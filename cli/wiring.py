"""The composition root: the only place where settings become objects that work together."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from billstream.common import aws, retries
from billstream.common.lake import Lake
from billstream.common.lake.tables import CHARGES
from billstream.common.policies import QualityPolicy
from billstream.common.runtime import process_name
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.backfill.backfill import Backfill
from billstream.consumer.backfill.sweep import Sweep, reconcile
from billstream.consumer.commit.breaker import Breaker
from billstream.consumer.commit.ledger import EntryBuilder
from billstream.consumer.context import Context
from billstream.consumer.decode import Staging
from billstream.consumer.exports.rules import apply_rules
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.interest import BillingFiles
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.periodic import Periodic
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.quality import Quality, read_rules
from billstream.consumer.s3.errors import Ownership
from billstream.consumer.s3.fetch import Spool
from billstream.consumer.s3.listing import Bucket
from billstream.consumer.s3.objects import LocalObjects, ObjectStore, S3Objects
from billstream.consumer.s3.routing import RoutedObjects
from billstream.consumer.sqs.dead_letters import DeadLetterQueue
from billstream.consumer.sqs.notifications import Notifications
from billstream.consumer.sqs.queue import SqsQueue, find_queue
from billstream.consumer.worker import Worker

if TYPE_CHECKING:
    from billstream.publishing.config import Place
    from billstream.publishing.target import Target


def intake(
    settings: Settings, lake: Lake, objects: ObjectStore, *, role: str, breaker: Breaker | None = None
) -> Intake:
    """Return the intake, which processes events, over one store of objects."""
    columns = lake.columns_of_loads()
    context = Context(
        lake=lake,
        objects=objects,
        profiles=ProfileRegistry.load(settings.profiles_dir, columns=columns[CHARGES], others=columns),
        spool=Spool(settings.spool),
        staging=Staging(lake, quality=quality(settings, columns[CHARGES])),
        entries=EntryBuilder(process_name(role), settings.on_removed),
        breaker=breaker,
        ownership=ownership(settings),
        layouts=layouts(settings),
        on_duplicate_content=settings.on_duplicate_content,
        group_files=settings.batch_files,
        group_bytes=settings.batch_bytes,
    )
    return Intake(context)


def quality(settings: Settings, columns: Mapping[str, str]) -> Quality:
    """Return the rules of quality, and whether they are enforced.

    Args:
        settings: name the operator's own rules.
        columns: those of `charges` with their DuckDB types.

    Raises:
        Misconfigured: a rule cannot be used.
    """
    return Quality(read_rules(settings.quality_rules, columns), enforced=settings.quality is QualityPolicy.ENFORCE)


def layouts(settings: Settings) -> Layouts:
    """Return the layouts of exports that are in use.

    Raises:
        Fatal: a layout is not valid, or a name is unknown.
    """
    return Layouts.load(settings.exports_dir, settings.export_layouts)


def interest(settings: Settings) -> BillingFiles:
    """Return the filter for the objects that billstream processes.

    Raises:
        Fatal: see `layouts`.
    """
    return BillingFiles(settings, layouts(settings))


def follow_rules(settings: Settings, lake: Lake, *, role: str) -> None:
    """Let the rules of `BILLSTREAM_EXPORTS_RULES` hold, if the setting names a file.

    Raises:
        Misconfigured: the file is not valid.
    """
    if settings.exports_rules:
        apply_rules(lake, settings.exports_rules, author=process_name(role))


def local_intake(settings: Settings, lake: Lake) -> Intake:
    """Return the intake for local files. A person is watching, so there is no breaker."""
    return intake(settings, lake, LocalObjects(), role="load")


def operator_backfill(settings: Settings, lake: Lake, stop: Stop, *, role: str) -> Backfill:
    """Return the backfill for a command's own events, of objects and local files; it has no breaker either."""
    # The ledger may name local files beside objects: each event goes to the store that its bucket stands for.
    store = RoutedObjects(objects(settings), LocalObjects())
    settling = intake(settings, lake, store, role=role)
    return Backfill(settling, settings, stop)


def ownership(settings: Settings) -> Ownership:
    """Return the buckets whose objects are processed."""
    first, *others = settings.our_buckets
    return Ownership(first, tuple(others))


def objects(settings: Settings) -> S3Objects:
    """Return the objects of S3."""
    return S3Objects(aws.s3_client(), ownership(settings))


def buckets(settings: Settings) -> list[Bucket]:
    """Return the buckets whose objects are processed; listing one shows whether it exists."""
    client = aws.s3_client()
    return [Bucket(client, name) for name in settings.our_buckets]


def sweeps(settings: Settings, lake: Lake, stop: Stop) -> list[Sweep]:
    """Return a comparison of each configured bucket with the ledger, each of which can run any number of times."""
    chosen = interest(settings)
    return [Sweep(lake, one, chosen, stop) for one in buckets(settings)]


def target(name: str, place: "Place", lake: Lake) -> "Target":
    """Return a target of the file of targets.

    Raises:
        Misconfigured: a variable that it names is not set.
    """
    from billstream.publishing.config import IcebergPlace  # here, as few commands have to do with targets

    if isinstance(place, IcebergPlace):
        from billstream.publishing.iceberg.target import IcebergTarget  # it needs an extra

        return IcebergTarget(name, place, lake=lake)
    from billstream.publishing.postgres.target import PostgresTarget

    return PostgresTarget(
        name, place.url(), setting=place.url_from, schema=place.schema_, readers=place.readers, lake=lake
    )


def notifications(settings: Settings) -> Notifications:
    """Return the sender of notifications to the queue of the settings.

    Raises:
        Fatal: the queue does not exist, or a permission is missing.
        ServiceUnavailable: no answer in ten seconds.
    """
    return Notifications(aws.sqs_client(), queue(settings).url)


def dead_letters(settings: Settings) -> DeadLetterQueue:
    """Return the dead-letter queue of the settings' queue.

    Raises:
        Fatal: the queue does not exist, or a permission is missing.
        ServiceUnavailable: no answer in ten seconds.
    """
    source = queue(settings)
    return retries.patiently(lambda: DeadLetterQueue.of(source, aws.sqs_client()))


def queue(settings: Settings, *, stop: Stop | None = None, seconds: float = retries.COMMAND_SECONDS) -> SqsQueue:
    """Return the queue of the settings.

    Raises:
        Fatal: the queue does not exist, or a permission is missing.
        ServiceUnavailable: no answer in that many seconds.
        Stopped: a stop was requested while there was no answer.
    """
    return retries.patiently(lambda: find_queue(aws.sqs_client(), settings), stop=stop, seconds=seconds)


def worker(settings: Settings, lake: Lake, stop: Stop, *, seconds: float = math.inf) -> Worker:
    """Return the consumer's loop over SQS and S3. Touches each dependency once, so that a mistake shows at start.

    Raises:
        Fatal: a dependency does not exist, or a permission is missing.
        ServiceUnavailable: no answer in that many seconds.
        Stopped: a stop was requested while there was no answer.
    """
    source = queue(settings, stop=stop, seconds=seconds)
    breaker = Breaker(consecutive=settings.breaker_consecutive, share=settings.breaker_share)
    settling = intake(settings, lake, objects(settings), role="consumer", breaker=breaker)
    # In this process and between two batches: a second lake connection would only compete with the first.
    periodic = [_sweeping(settings, lake, settling, stop)] if settings.sweep_seconds else []
    ours = interest(settings)
    return retries.patiently(
        lambda: Worker(source, settling, settings, stop, interest=ours, periodic=periodic), stop=stop, seconds=seconds
    )


def _sweeping(settings: Settings, lake: Lake, settling: Intake, stop: Stop) -> Periodic:
    sweeping, backfill = sweeps(settings, lake, stop), Backfill(settling, settings, stop)
    # Nobody is watching: what is gone is counted and logged, and its rows stay.
    return Periodic(settings.sweep_seconds, lambda: [reconcile(one, backfill) for one in sweeping])
