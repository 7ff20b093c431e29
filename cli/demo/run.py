"""The demo from beginning to end."""

import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from rich.console import Console

from billstream.cli.demo.acts import Act, OwnFiles, Samples
from billstream.cli.demo.bucket import Bucket
from billstream.cli.demo.emulator import EmulatorError
from billstream.cli.demo.findings import look
from billstream.cli.demo.folder import demo_folder
from billstream.cli.demo.samples import Story
from billstream.cli.demo.samples.story import DEFAULT_DAYS
from billstream.cli.demo.signals import Interrupted, interruptible
from billstream.cli.demo.summary import print_kept, print_summary
from billstream.cli.demo.verdict import consistent
from billstream.cli.demo.waiting import queue_depth
from billstream.cli.demo.world import World, running_world
from billstream.cli.terminal import marked
from billstream.common.errors import BillstreamError
from billstream.common.retries import patiently

WATCH_SECONDS = 0.5


def run_demo(
    *, home: Path, console: Console, input_dir: Path | None = None, keep: bool = False, days: int = DEFAULT_DAYS
) -> int:
    """Run all of billstream against an emulated AWS, and compare its totals with the truth.

    To be called from the main thread: it listens to signals. Log events below a warning are left out from then on.

    Args:
        home: the demo lives in the folder `demo` below it.
        console: shows the demo to the reader.
        input_dir: load the files below this folder instead of samples; then the truth is unknown.
        keep: keep running until Ctrl-C, so that the reader can try things.
        days: the number of days of samples, two or more.

    Returns:
        The exit code: 0 if all is well; 1 if a total does not match or something failed, which is then on the
        console; 128 and the signal's number if a signal ended it.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    codes: list[int] = []
    try:
        # Up to yesterday: vendors write the file of a day when the day is over.
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        act = OwnFiles.below(input_dir) if input_dir else Samples(Story(yesterday, days))
        with interruptible(), demo_folder(home) as folder:
            console.print("Starting an emulated AWS, a consumer and an aggregator …")
            with running_world(folder) as world:
                codes.append(_perform(world, act, console))
                if keep:
                    _keep(world, console)
    except Interrupted as interrupted:
        console.print(f"The demo was {interrupted} and has cleaned up.")
        return codes[0] if codes else interrupted.exit_code
    except (BillstreamError, EmulatorError) as error:
        console.print(f"[bold red]The demo failed.[/] {marked(str(error))}", highlight=False, soft_wrap=True)
        return 1
    return codes[0]


def _perform(world: World, act: Act, console: Console) -> int:
    """Play the act and show the result. Return the exit code."""
    console.print(f"They are running. Their logs are in {marked(str(world.folder))}.", highlight=False, soft_wrap=True)
    started = time.monotonic()
    bucket = Bucket(world)
    act.play(bucket, console)
    findings = patiently(lambda: look(world), seconds=120)
    checks = [
        *act.checks(bucket, findings),
        *consistent(findings, queue_depth(world, world.dead_letter_url)),
    ]
    print_summary(console, bucket, findings, checks, act.truth(bucket))
    console.print(f"From the first upload it took {time.monotonic() - started:.0f} seconds.")
    return 0 if all(check.holds for check in checks) else 1


def _keep(world: World, console: Console) -> None:
    print_kept(console, world)
    while True:
        world.check()
        time.sleep(WATCH_SECONDS)
