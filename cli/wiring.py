"""The composition root: settings become objects that work together, here and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from common import aws, retries
from common.errors import BillstreamError
from common.lake import Lake
from common.runtime import Stop, configure_logs, process_name
from common.settings import Settings
from consumer.breaker import Breaker
from consumer.decode import Staging
from consumer.intake import Intake
from consumer.objects import LocalObjects, ObjectStore, S3Objects
from consumer.plan import Scribe
from consumer.profiles import ProfileRegistry
from consumer.queue import Depth, SqsQueue, find_queue
from consumer.spool import Spool
from consumer.worker import Worker


def settings_with_logs() -> Settings:
    """The settings of the environment, with logging set up as they say.

    Raises:
        Fatal: a variable is not understood.
    """
    settings = Settings.from_environment()
    configure_logs(settings)
    return settings


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
        scribe=Scribe(process_name(role), settings.on_removed),
        breaker=breaker,
        on_duplicate_content=settings.on_duplicate_content,
        clock=lambda: datetime.now(UTC),
    )


def local_intake(settings: Settings, lake: Lake) -> Intake:
    """For files of the local file system. A person is watching: nothing has to break."""
    return intake(settings, lake, LocalObjects(), role="load", breaker=Breaker(consecutive=0, share=1))


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
    settling = intake(settings, lake, S3Objects(aws.s3_client()), role="consumer", breaker=breaker)
    return retries.patiently(lambda: Worker(source, settling, settings, stop))


def queue_depth(settings: Settings) -> tuple[Depth | None, str | None]:
    """The queue's depth, or why it cannot be told: a status is wanted most when something is broken."""
    try:
        return find_queue(aws.sqs_client(), settings).depth(), None
    except BillstreamError as error:
        return None, str(error)
