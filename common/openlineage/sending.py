"""Whether runs are sent, and the one queue of this process: as with metrics, whoever commits calls `emit`."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from billstream.common.errors import Misconfigured
from billstream.common.masking import keep_secret, masked
from billstream.common.openlineage.queue import RunQueue
from billstream.common.openlineage.run import Run

_NAMING = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG")
_TRANSPORT = "OPENLINEAGE__TRANSPORT"

log = structlog.get_logger(__name__)

_queues: list[RunQueue] = []


def wanted(environment: Mapping[str, str]) -> bool:
    """Return whether variables of the OpenLineage client name a backend, and do not switch it off.

    The client would also find `openlineage.yml` in the working folder or below the home: that of another program.
    """
    if environment.get("OPENLINEAGE_DISABLED", "").strip().casefold() == "true":
        return False
    named = any(environment.get(name, "").strip() for name in _NAMING)
    return named or any(name.startswith(_TRANSPORT) for name in environment)


def is_on() -> bool:
    """Return whether runs are sent, so that what only they tell is worth keeping."""
    return bool(_queues)


def emit(describe: Callable[[], Run]) -> None:
    """Have a run sent, after its commit. Does nothing where no backend is named; never fails.

    Args:
        describe: returns the run; called at once, and only where it is sent. Whatever it raises is logged: the commit
            has been made, and must not look as if it had failed.
    """
    if not is_on():
        return
    try:
        run = describe()
    except Exception:  # a bug of ours; lineage is not worth a failed load
        log.exception("openlineage_run_not_described", consequence="this run is missing in the lineage backend")
        return
    _queues[-1].put(run)


@contextmanager
def sending(catalog: str, data_path: str, version: str) -> Iterator[None]:
    """Send what `emit` is given for the length of the block, where a backend is named; at its end, drain the queue.

    Args:
        catalog: the address of the lake's catalog, without secrets.
        data_path: where the lake's files are.
        version: that of billstream.
    """
    queue = _queue(catalog, data_path, version) if wanted(os.environ) else None
    if queue is None:
        yield
        return
    _queues.append(queue)
    try:
        yield
    finally:
        _queues.remove(queue)
        queue.close()


def _queue(catalog: str, data_path: str, version: str) -> RunQueue | None:
    """Return the queue; None, after a warning, where nothing can be sent: no reason to leave bills unread."""
    keep_secret(os.environ.get("OPENLINEAGE_API_KEY"))
    # The client logs each failure on its own, with Python's logging, which would print it. We count, and warn once.
    logging.getLogger("openlineage").addHandler(logging.NullHandler())
    before = os.environ.keys() | set()
    try:
        # Here and not in the thread: the client changes os.environ, which other threads read.
        from billstream.common.openlineage.events import Backend  # noqa: PLC0415 - an extra, and it takes 0.3 seconds

        backend = Backend(catalog, data_path, version, os.environ.get("OPENLINEAGE_NAMESPACE"))
    except ModuleNotFoundError as error:
        reason = f"The library is not installed ({error.name}). Run: pip install 'billstream[openlineage]'"
    except Misconfigured as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - whatever the client says of the operator's configuration
        reason = f"The client does not take its configuration: {masked(str(error))[:300]}"
    else:
        return RunQueue(backend.send)
    finally:
        # It writes the address and the key under further names, which child processes would inherit.
        for name in os.environ.keys() - before:
            del os.environ[name]
    log.warning("openlineage_off", reason=reason, consequence="no lineage is sent; billstream works as without it")
    return None
