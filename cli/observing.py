"""Metrics and health of a service, where `BILLSTREAM_METRICS_ADDRESS` asks for them."""

from collections.abc import Iterator
from contextlib import contextmanager

from billstream import __version__
from billstream.common.addresses import ip_and_port
from billstream.common.lake.migrations import newest
from billstream.common.settings import Settings


@contextmanager
def observed(settings: Settings, service: str, *, running: bool) -> Iterator[None]:
    """Serve metrics and health for the length of the block, before the lake is open: a wait for it is no illness.

    Args:
        settings: the address; without one nothing happens.
        service: `consumer`, `aggregator` or `maintain`.
        running: False for a run that ends by itself; it leaves the address to the service beside it.

    Raises:
        Misconfigured: another process listens there, or this one may not.
    """
    if settings.metrics_address is None or not running:
        yield
        return
    from billstream.common.metrics.server import serving

    build = {"service": service, "version": __version__, "schema_version": str(newest())}
    with serving(ip_and_port(settings.metrics_address), service, build):
        yield


@contextmanager
def queue_observed(settings: Settings) -> Iterator[None]:
    """Look at the queue now and then for the length of the block, where metrics are served and a queue is expected."""
    from billstream.cli.status import queue_expected

    if settings.metrics_address is None or not queue_expected(settings):
        yield
        return
    from billstream.consumer.sqs.watch import QueueWatch

    with QueueWatch(settings).watching():
        yield
