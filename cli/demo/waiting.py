"""Waiting for the demo's processes, with an eye on whether they still run."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from billstream.cli.demo.findings import freshness
from billstream.cli.demo.world import World
from billstream.common.errors import Fatal, Retryable
from billstream.consumer.provision.failures import explained

POLL_SECONDS = 0.25
PATIENCE_SECONDS = 120.0
STABLE_POLLS = 3


@dataclass(frozen=True)
class Progress:
    """The progress of a process. As long as `state` keeps changing, there is reason to wait."""

    done: bool
    state: object


def wait_until_processed(world: World) -> None:
    """Return once every message is processed, and aggregates and insights are those of the lake.

    Raises:
        Fatal: a process has ended, or there was no progress for two minutes.
    """
    looks = [1] * STABLE_POLLS  # SQS counts roughly, so the queue must look empty several times in a row
    _wait(world, "every message is processed", lambda: _drained(world, looks))
    _wait(world, "the aggregates and insights have caught up", lambda: _caught_up(world))


def queue_depth(world: World, url: str) -> int:
    """Return the number of messages in the queue: waiting, in flight and delayed."""
    with explained(f"queue {url}"):
        answer = world.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return sum(int(value) for name, value in answer["Attributes"].items() if name.startswith("ApproximateNumberOf"))


def _drained(world: World, looks: list[int]) -> Progress:
    looks.append(queue_depth(world, world.queue_url))
    return Progress(not any(looks[-STABLE_POLLS:]), looks[-1])


def _caught_up(world: World) -> Progress:
    try:
        state = freshness(world)
    except Retryable:  # a writer was in the way
        return Progress(done=False, state=None)
    return Progress(state.caught_up, state)


def _wait(world: World, what: str, look: Callable[[], Progress]) -> None:
    state: object = None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (progress := look()).done:
        world.check()
        if progress.state != state:
            state, deadline = progress.state, time.monotonic() + PATIENCE_SECONDS
        if time.monotonic() > deadline:
            raise Fatal(
                f"No progress for {PATIENCE_SECONDS:.0f} seconds while waiting until {what}. {world.log_ends()}"
            )
        time.sleep(POLL_SECONDS)
