"""Told to end, a consumer ends: at once, in good order, with nothing lost and nothing held back."""

import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.billing import billing_file
from tests.faults.waiting import PATIENCE, until
from tests.servers.proxy import Exchange, Proxy, Rule, silent
from tests.worlds import World

FILES = [billing_file(f"{number}.csv", seed=number) for number in range(12)]
LONG = 600  # seconds of visibility: what is not given back stays hidden for as long as the test lasts


def hide_for_long(world: World) -> None:
    world.aws.sqs.set_queue_attributes(QueueUrl=world.aws.queue_url, Attributes={"VisibilityTimeout": str(LONG)})


def ended(process: "subprocess.Popen[str]", world: World) -> int:
    try:
        process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        pytest.fail(f"it does not end:\n{world.log()}")
    return process.returncode


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8])
def test_a_consumer_that_is_told_to_end_does_so_and_holds_nothing_back(
    world: World, proxy: Proxy, seconds: float
) -> None:
    hide_for_long(world)
    world.put(*FILES)
    consumer = world.start("consume", BILLSTREAM_BATCH_FILES="3", BILLSTREAM_POLL_SECONDS="1")
    until(lambda: proxy.seen["ReceiveMessage"], "the consumer does not begin")
    time.sleep(seconds)

    consumer.terminate()

    assert ended(consumer, world) == 0
    assert world.visible() == world.depth(), "messages are hidden though nobody works on them"
    world.drain()
    world.assert_holds(FILES)


def test_what_was_received_but_not_begun_is_given_back_at_once(world: World, proxy: Proxy) -> None:
    hide_for_long(world)
    world.put(*FILES)
    told = threading.Event()

    def until_told(exchange: Exchange) -> None:
        told.wait(PATIENCE)
        exchange.reply(exchange.forward())

    wait = proxy.inject(Rule("ReceiveMessage", until_told, 1))
    consumer = world.start("consume")
    until(lambda: wait.injected, "the consumer does not begin")

    consumer.terminate()
    until(lambda: not pending(consumer), "the signal does not arrive")
    time.sleep(1)  # the thread that hears it takes a moment
    told.set()

    assert ended(consumer, world) == 0
    (returned,) = world.events("batch_returned")
    assert int(str(returned["messages"])) >= 1
    assert world.visible() == world.depth() == len(FILES) + 1  # one is S3's test event
    assert world.lake.rows("SELECT count(*) FROM ledger") == [(0,)]


def test_a_batch_that_takes_longer_than_the_grace_period_is_abandoned(world: World, proxy: Proxy) -> None:
    hide_for_long(world)
    world.put(*FILES)
    hang = proxy.inject(Rule("GetObject", silent(PATIENCE), 1))
    consumer = world.start("consume", BILLSTREAM_GRACE_SECONDS="0.5")
    until(lambda: hang.injected, "the consumer does not begin")

    consumer.terminate()

    assert ended(consumer, world) == 0
    (abandoned,) = world.events("batch_abandoned")
    assert int(str(abandoned["messages"])) >= 1
    assert world.visible() == world.depth() > 0
    world.drain()
    world.assert_holds(FILES)


def test_a_second_signal_ends_it_at_once_and_the_messages_come_again(world: World, proxy: Proxy) -> None:
    world.put(*FILES)
    hang = proxy.inject(Rule("GetObject", silent(PATIENCE), 1))
    consumer = world.start("consume")
    until(lambda: hang.injected, "the consumer does not begin")

    consumer.terminate()
    until(lambda: not pending(consumer), "the first signal does not arrive")  # or the two would be one
    time.sleep(0.2)
    assert consumer.poll() is None
    consumer.terminate()

    assert ended(consumer, world) == 128 + signal.SIGTERM, "it waited for the grace period, whose end is no failure"
    assert world.events("batch_abandoned") == []
    until(lambda: world.visible() == world.depth() > 0, "the messages do not come again")
    world.drain()
    world.assert_holds(FILES)


@pytest.mark.parametrize("command", ["consume", "aggregate"])
def test_before_anything_heavy_is_loaded_a_signal_is_heard(command: str) -> None:
    """What a process does in its first moments, told from within; only Python's own start comes earlier."""
    told = (
        "import sys, signal, threading, billstream.cli.main\n"
        f"sys.argv = ['billstream', '{command}']\n"
        "class Loaded(Exception): pass\n"
        "def found(name, *_):\n"
        "    if name == 'billstream.cli.commands':\n"
        "        heavy = {'duckdb', 'pyarrow', 'boto3', 'botocore', 'pydantic', 'structlog', 'typer', 'rich'}\n"
        "        heard = signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL\n"
        "        print(heard, sorted(heavy & set(sys.modules)))\n"
        "        raise Loaded\n"
        "sys.meta_path.insert(0, type('Watch', (), {'find_spec': staticmethod(found)}))\n"
        "try: billstream.cli.main.run()\n"
        "except Loaded: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout == "True []\n", done.stderr


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux whether a process hears a signal")
@pytest.mark.parametrize(
    ("command", "seconds"),
    [("consume", 0.0), ("consume", 0.1), ("consume", 0.4), ("aggregate", 0.0), ("aggregate", 0.2), ("aggregate", 0.8)],
)
def test_a_process_that_hears_the_signal_ends_in_good_order_however_early(
    world: World, command: str, seconds: float
) -> None:
    process = world.start(command)
    until(lambda: hears(process), "it never listens")
    time.sleep(seconds)

    process.terminate()

    assert ended(process, world) == 0, world.log(command)
    assert world.events("process_ended", command), world.log(command)


def hears(process: "subprocess.Popen[str]") -> bool:
    """Whether the process has a handler for SIGTERM; until it has, the signal just ends it."""
    assert process.poll() is None
    return in_mask(process, "SigCgt")


def pending(process: "subprocess.Popen[str]") -> bool:
    """Whether a SIGTERM was sent that the process has not taken yet; where nobody can tell, it has."""
    return Path("/proc/self/status").exists() and in_mask(process, "ShdPnd")


def in_mask(process: "subprocess.Popen[str]", name: str) -> bool:
    """Whether SIGTERM is in one of Linux's masks of a process."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    mask = int(re.search(rf"^{name}:\s*(\w+)", status, re.MULTILINE)[1], 16)  # type: ignore[index]
    return bool(mask >> (signal.SIGTERM - 1) & 1)


def test_an_aggregator_ends_when_it_is_told_to(world: World) -> None:
    world.put(*FILES)
    world.drain()
    aggregator = world.start("aggregate")
    until(lambda: world.events("insights_published", "aggregate"), "the aggregator does not work")

    aggregator.terminate()

    assert ended(aggregator, world) == 0
