"""The composition root: settings become objects that work together, here and nowhere else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog

from billstream.cli.settings_table import current
from billstream.common import aws, retries
from billstream.common.errors import BillstreamError
from billstream.common.lake import Lake
from billstream.common.runtime import Stop, configure_logs, process_name
from billstream.common.settings import Settings
from billstream.consumer.backfill.backfill import Backfill
from billstream.consumer.backfill.sweep import Sweep, reconcile
from billstream.consumer.commit.breaker import Breaker
from billstream.consumer.decide.step import LedgerWriter
from billstream.consumer.decode import Staging
from billstream.consumer.delivery.exports import Exports
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.interest import BillingFiles, Interest
from billstream.consumer.layouts.registry import Layouts
from billstream.consumer.periodic import Periodic
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.s3.errors import Ownership
from billstream.consumer.s3.listing import Bucket
from billstream.consumer.s3.objects import LocalObjects, ObjectStore, S3Objects
from billstream.consumer.s3.routing import RoutedObjects
from billstream.consumer.s3.spool import Spool
from billstream.consumer.sqs.dead_letters import DeadLetterQueue
from billstream.consumer.sqs.notifications import Notifications
from billstream.consumer.sqs.queue import Depth, SqsQueue, find_queue
from billstream.consumer.worker import Worker

log = structlog.get_logger(__name__)


def settings_with_logs() -> Settings:
    """The settings of the environment, with logging set up as they say.

    Raises:
        Fatal: a variable is not understood.
    """
    settings = Settings.from_environment()
    configure_logs(settings)
    return settings


def say_started(role: str, settings: Settings, lake: Lake) -> None:
    """Log what this process works with: lake, and every setting that is not at its default; secrets are masked."""
    changed = {name: value for name, value, _ in current(settings) if name in os.environ and value}
    log.info("process_started", role=role, catalog=lake.catalog, data_path=lake.data_path, settings=changed)


def say_ended(role: str) -> None:
    """Log that this process ends in good order."""
    log.info("process_ended", role=role)


@contextmanager
def opened_lake(settings: Settings, *, create: bool = False, read_only: bool = False) -> Iterator[Lake]:
    """The lake for as long as the context lasts; a catalog that is still starting is waited for.

    Raises:
        Fatal: there is no lake, or it is not one of this version.
        CatalogUnavailable: no answer for two minutes.
    """
    with retries.patiently(lambda: Lake.open(settings, create=create, read_only=read_only)) as lake:
        yield lake


def intake(settings: Settings, lake: Lake, objects: ObjectStore, *, role: str, breaker: Breaker) -> Intake:
    """What settles events, over one store of objects."""
    return Intake(
        lake=lake,
        objects=objects,
        profiles=ProfileRegistry.load(settings.profiles_dir, columns=lake.columns("charges")),
        spool=Spool(settings.spool),
        staging=Staging(lake),
        writer=LedgerWriter(process_name(role), settings.on_removed),
        breaker=breaker,
        on_duplicate_content=settings.on_duplicate_content,
        clock=lambda: datetime.now(UTC),
        exports=Exports(layouts(settings), settings.batch_files, settings.batch_bytes),
    )


def layouts(settings: Settings) -> Layouts:
    """The layouts of exports that are in use.

    Raises:
        Fatal: one is not valid, or there is none of a name.
    """
    return Layouts.load(settings.exports_dir, settings.export_layouts)


def interest(settings: Settings) -> Interest:
    """Which objects are ours.

    Raises:
        Fatal: see `layouts`.
    """
    return BillingFiles(settings, layouts(settings))


def local_intake(settings: Settings, lake: Lake) -> Intake:
    """For files of the local file system. A person is watching: nothing has to break."""
    return intake(settings, lake, LocalObjects(), role="load", breaker=Breaker(consecutive=0, share=1))


def operator_feed(settings: Settings, lake: Lake, stop: Stop, *, role: str) -> Backfill:
    """For events that a command makes, of objects and of local files. A person is watching: nothing has to break."""
    store = RoutedObjects(objects(settings), LocalObjects())
    settling = intake(settings, lake, store, role=role, breaker=Breaker(consecutive=0, share=1))
    return Backfill(settling, settings, stop)


def objects(settings: Settings) -> S3Objects:
    """The objects of S3. Only a bucket that somebody has named is known to be ours: the default is but a name."""
    named = settings.bucket if "bucket" in settings.model_fields_set else None
    return S3Objects(aws.s3_client(), Ownership(named))


def bucket(settings: Settings) -> Bucket:
    """The bucket of the settings; whether it is there shows when it is listed."""
    return Bucket(aws.s3_client(), settings.bucket)


def sweep(settings: Settings, lake: Lake, stop: Stop) -> Sweep:
    """A comparison of the settings' bucket with the ledger, to be made as often as one likes."""
    return Sweep(lake, bucket(settings), interest(settings), stop)


def notices(settings: Settings) -> Notifications:
    """What announces objects to the queue of the settings.

    Raises:
        Fatal: there is no queue, or we may not use it.
        ServiceUnavailable: no answer for two minutes.
    """
    return Notifications(aws.sqs_client(), queue(settings).url)


def dead_letters(settings: Settings) -> DeadLetterQueue:
    """The dead-letter queue of the settings' queue.

    Raises:
        Fatal: there is none, or we may not use it.
        ServiceUnavailable: no answer for two minutes.
    """
    source = queue(settings)
    return retries.patiently(lambda: DeadLetterQueue.of(source, aws.sqs_client()))


def queue(settings: Settings) -> SqsQueue:
    """The queue of the settings.

    Raises:
        Fatal: there is none, or we may not use it.
        ServiceUnavailable: no answer for two minutes.
    """
    return retries.patiently(lambda: find_queue(aws.sqs_client(), settings))


def worker(settings: Settings, lake: Lake, stop: Stop) -> Worker:
    """The consumer's loop over SQS and S3. Touches each dependency once, so that a mistake shows at start.

    Raises:
        Fatal: a dependency is missing, or we may not use it.
        ServiceUnavailable: no answer for two minutes.
    """
    source = queue(settings)
    breaker = Breaker(consecutive=settings.breaker_consecutive, share=settings.breaker_share)
    settling = intake(settings, lake, objects(settings), role="consumer", breaker=breaker)
    periodic = [_sweeping(settings, lake, settling, stop)] if settings.sweep_seconds else []
    ours = interest(settings)
    return retries.patiently(lambda: Worker(source, settling, settings, stop, interest=ours, periodic=periodic))


def _sweeping(settings: Settings, lake: Lake, settling: Intake, stop: Stop) -> Periodic:
    sweeping = sweep(settings, lake, stop)
    return Periodic(settings.sweep_seconds, lambda: reconcile(sweeping, Backfill(settling, settings, stop)))


def queue_depth(settings: Settings) -> tuple[Depth | None, str | None]:
    """The queue's depth, or why it cannot be told: a status is wanted most when something is broken."""
    try:
        return find_queue(aws.sqs_client(), settings).depth(), None
    except BillstreamError as error:
        return None, str(error)
