"""All questions, in order; whatever is broken, the others are asked."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from billstream.cli import opening
from billstream.cli.doctor import host, inside, services
from billstream.cli.doctor.check import Check, Verdict, answered
from billstream.common.errors import BillstreamError
from billstream.common.lake import Lake
from billstream.common.masking import masked
from billstream.common.settings import Settings

_IN_LAKE = ("lake size", "ledger", "aggregates", "insights")


def examine() -> list[Check]:
    """Ask everything. Returns the answers; never raises for what is broken."""
    checks = answered("versions", host.versions)
    try:
        settings = Settings.from_environment()
    except BillstreamError as error:
        return [*checks, Check("settings", Verdict.FAIL, masked(str(error)), "Correct them; nothing else was asked.")]
    checks += answered("settings", lambda: host.settings_in_use(settings))
    checks += answered("folders", lambda: host.folders(settings))
    checks += _lake(settings)
    checks += answered("queue", lambda: services.queue(settings))
    checks += answered("buckets", lambda: services.buckets(settings))
    return [replace(check, found=masked(check.found), advice=masked(check.advice)) for check in checks]


def _lake(settings: Settings) -> list[Check]:
    with ExitStack() as stack:
        held: list[Lake] = []

        def opened() -> Iterator[Check]:
            held.append(stack.enter_context(opening.opened_lake(settings, read_only=True)))
            yield from inside.lake_itself(held[0])

        checks = answered("lake", opened)
        if not held:
            return checks + [Check(name, Verdict.UNKNOWN, "the lake cannot be opened") for name in _IN_LAKE]
        lake = held[0]
        checks += answered("lake size", lambda: inside.sizes(lake))
        checks += answered("ledger", lambda: inside.ledger(lake))
        checks += answered("aggregates", lambda: inside.aggregates(lake))
        return checks + answered("insights", lambda: inside.insights(lake, settings))
