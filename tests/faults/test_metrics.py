"""Metrics while things go wrong: a real consumer and aggregator are scraped, and the alerts fire and resolve."""

import http.client
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.billing import billing_file
from tests.faults.waiting import PATIENCE
from tests.servers.aws import AwsEnvironment
from tests.servers.postgres import PostgresServer
from tests.worlds import World, new_world

MONITORING = Path(__file__).resolve().parents[2] / "deploy" / "monitoring"
ASKED = re.compile(r"\b(?:billstream|process)_[a-z_]+[a-z]\b")
ELSEWHERE = {  # absent here, as there is nothing they could tell of; tests/integration/test_gauges.py scrapes them
    "billstream_oldest_awaiting_timestamp_seconds",
    "billstream_outbox_oldest_timestamp_seconds",
    "billstream_queue_oldest_message_seconds",
    "billstream_dead_letters_oldest_seconds",
}
OF_THE_PUBLISHER = {  # which does not run here; tests/e2e/test_publish.py scrapes it
    "billstream_publish_seconds_bucket",
    "billstream_published_rows_total",
    "billstream_publishes_total",
    "billstream_target_true_as_of_timestamp_seconds",
}
MOVING = {"billstream_last_poll_timestamp_seconds", "billstream_aggregates_true_as_of_timestamp_seconds"}
Sample = tuple[str, tuple[tuple[str, str], ...]]
Scrape = dict[Sample, float]

GOOD = [billing_file(f"bills/{number}.csv", seed=number) for number in range(3)]
LATER = [billing_file(f"bills/later-{number}.csv", seed=10 + number) for number in range(3)]
MENDED = billing_file("bills/broken.csv", seed=20)
UNREADABLE = b"\x00\x01\x02 no bill at all \xff\xfe\n" * 9


def until(condition: Callable[[], object], what: Callable[[], str]) -> None:
    """Return as soon as the condition holds; looks seldom, as each look costs three processes something."""
    deadline = time.monotonic() + 4 * PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.25)


@dataclass
class Service:
    """A process that is scraped."""

    world: World
    command: str
    process: "subprocess.Popen[str]"

    def get(self, path: str) -> tuple[int, str]:
        (told, *_) = self.world.events("metrics_served", self.command)
        ip, _, port = str(told["address"]).rpartition(":")
        with closing(http.client.HTTPConnection(ip, int(port), timeout=PATIENCE)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def serves(self) -> bool:
        return bool(self.world.events("metrics_served", self.command))

    def is_ready(self) -> bool:
        return self.get("/readyz") == (200, "ok\n")

    def scrape(self) -> Scrape:
        families = text_string_to_metric_families(self.get("/metrics")[1])
        instance = ("instance", self.command)
        return {
            (one.name, tuple(sorted([*one.labels.items(), instance]))): one.value
            for family in families
            for one in family.samples
        }


@dataclass
class Story:
    """What Prometheus would have seen, phase by phase: two scrapes of each, so that it shows which times move."""

    services: list[Service]
    phases: list[tuple[Scrape, Scrape]] = field(default_factory=list)

    def now(self) -> Scrape:
        found: Scrape = {}
        for service in self.services:
            found |= service.scrape()
        return found

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with these labels; None without any."""
        wanted = set(labels.items())
        found = [value for (one, pairs), value in self.now().items() if one == name and wanted <= set(pairs)]
        return sum(found) if found else None

    def has(self, amount: float | None, name: str, **labels: str) -> None:
        until(lambda: self.value(name, **labels) == amount, lambda: f"{name} {labels} is not {amount}: {self.now()}")

    def record(self, *, moves: bool = True) -> None:
        before = self.now()
        moving = {key for key in before if key[0] in MOVING}
        if moves:
            until(lambda: all(self.now()[key] > before[key] for key in moving), lambda: f"{moving} do not move")
        self.phases.append((before, self.now()))


@pytest.fixture
def world(aws: AwsEnvironment, tmp_path: Path, postgres_url: str) -> Iterator[World]:
    seconds = {"BILLSTREAM_AGGREGATE_SECONDS": "3", "BILLSTREAM_POLL_SECONDS": "1", "BILLSTREAM_BATCH_SECONDS": "0.2"}
    address = {"BILLSTREAM_METRICS_ADDRESS": "127.0.0.1:0"}
    with new_world(tmp_path / "home", aws, postgres_url, **seconds, **address) as world:
        # However busy the machine is, nothing is received twice: the numbers are exact.
        aws.sqs.set_queue_attributes(QueueUrl=aws.queue_url, Attributes={"VisibilityTimeout": "600"})
        yield world


@pytest.fixture
def story(world: World) -> Iterator[Story]:
    services = [Service(world, command, world.start(command)) for command in ("consume", "aggregate")]
    try:
        yield Story(services)
    finally:
        for service in services:
            with suppress(ProcessLookupError):
                service.process.kill()
            service.process.wait()


def test_what_goes_wrong_is_seen_in_the_metrics_and_alerts_fire_and_resolve(
    world: World, story: Story, postgres: PostgresServer, tmp_path: Path
) -> None:
    for service in story.services:
        until(service.serves, lambda: world.log("aggregate"))
        until(service.is_ready, lambda: world.log("aggregate"))
    all_is_well(world, story)
    a_file_is_bad(world, story)
    the_catalog_is_away(world, story, postgres)
    all_is_well_again(world, story)

    for service in story.services:
        service.process.terminate()
        assert service.process.wait(PATIENCE) == 0, world.log(service.command)
        with pytest.raises(ConnectionRefusedError):
            service.get("/healthz")
    assert_every_metric_is_exported(story)
    assert_alerts(
        story,
        [
            set(),
            {"BillstreamQuarantine", "BillstreamRecordsRejected"},
            {
                "BillstreamWaiting",
                "BillstreamLakeLost",
                "BillstreamBlind",
                "BillstreamDeadLetters",
                "BillstreamQueueStands",
                "BillstreamAggregatesOld",
                "BillstreamNotPolling",
            },
            set(),
        ],
        tmp_path,
    )


def all_is_well(world: World, story: Story) -> None:
    world.put(*GOOD)
    story.has(3, "billstream_objects_total", state="loaded")
    story.has(4, "billstream_messages_total", result="acknowledged")  # one is the test event of the bucket
    story.has(3, "billstream_ledger_objects", state="loaded")
    until(lambda: story.value("billstream_lagging_sources") is not None, lambda: world.log("aggregate"))
    story.has(0, "billstream_queue_messages")
    story.has(0, "billstream_dead_letters")
    assert story.value("billstream_loaded_rows_total") == sum(len(file.rows) for file in GOOD)
    assert story.value("billstream_loaded_bytes_total") == sum(len(file.body) for file in GOOD)
    assert story.value("billstream_commit_lag_seconds_count") == 3
    story.record()


def a_file_is_bad(world: World, story: Story) -> None:
    world.aws.s3.put_object(Bucket=world.aws.bucket, Key=MENDED.key, Body=UNREADABLE)
    world.aws.s3.put_object(Bucket=world.aws.bucket, Key="bills/half.csv", Body=GOOD[0].body + b"no,bill\n")
    story.has(1, "billstream_ledger_objects", state="quarantined")
    story.has(1, "billstream_objects_total", state="quarantined")
    story.has(4, "billstream_ledger_objects", state="loaded")
    story.has(1, "billstream_rejected_rows_total")
    story.record()


def the_catalog_is_away(world: World, story: Story, postgres: PostgresServer) -> None:
    """The queue fills, a message is dead, and both services wait: alive, and not ready."""
    postgres.stop()
    world.put(*LATER)
    world.aws.sqs.send_message(QueueUrl=world.aws.dlq_url, MessageBody="dead")
    story.has(2, "billstream_waiting", reason="catalog")  # both
    story.has(0, "billstream_lake_attached")
    story.has(1, "billstream_dead_letters")
    story.has(3, "billstream_queue_messages")
    story.has(None, "billstream_ledger_objects", state="quarantined")  # it is not known
    assert story.value("billstream_observed", what="lake") == 0
    assert story.value("billstream_retries_total", reason="catalog")
    assert story.value("billstream_refreshes_total", result="postponed")
    for service in story.services:
        assert service.get("/healthz") == (200, "ok\n"), "an outage is no reason to start it again"
        assert service.get("/readyz")[0] == 503
    # While it waits the messages become visible again, but a probe may have one.
    until(lambda: story.value("billstream_queue_messages", state="visible"), lambda: "no message is visible")
    story.record(moves=False)
    postgres.start()


def all_is_well_again(world: World, story: Story) -> None:
    world.aws.sqs.purge_queue(QueueUrl=world.aws.dlq_url)
    world.put(MENDED)
    story.has(0, "billstream_waiting")
    story.has(2, "billstream_lake_attached")
    story.has(0, "billstream_dead_letters")
    story.has(0, "billstream_queue_messages")
    story.has(0, "billstream_ledger_objects", state="quarantined")
    story.has(8, "billstream_ledger_objects", state="loaded")
    for service in story.services:
        assert service.is_ready()
    story.record()


def assert_every_metric_is_exported(story: Story) -> None:
    """Whatever a rule or a panel asks for is there, with the labels that it selects by."""
    exported = {name for phase in story.phases for scrape in phase for name, _ in scrape}
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())
    asking = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    asking += re.findall(r'"expr": "(.*)"', (MONITORING / "grafana" / "billstream.json").read_text())
    asked = {name for text in asking for name in ASKED.findall(text)}
    assert len(asked) > 30
    assert asked - exported == ELSEWHERE | OF_THE_PUBLISHER


def assert_alerts(story: Story, expected: list[set[str]], folder: Path) -> None:
    """Have promtool play the phases, an hour each and the last one three: at their ends exactly these alerts fire."""
    if not shutil.which("promtool"):
        pytest.skip("no promtool: it comes with Debian's package prometheus")
    hours = [1] * (len(expected) - 1) + [3]
    ends = [60 * sum(hours[: number + 1]) - 1 for number in range(len(hours))]
    queries = [
        {
            "eval_time": f"{minute}m",
            # Whether the sources of the files are silent depends on the day of the test.
            "expr": 'group by (alertname) (ALERTS{alertstate="firing", alertname!="BillstreamSourceSilent"})',
            "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)],
        }
        for minute, names in zip(ends, expected, strict=True)
    ]
    series = [
        {"series": f"up{{job='billstream',instance='{one.command}'}}", "values": "1x1000"} for one in story.services
    ]
    names = {key for _, scrape in story.phases for key in scrape if key[0].startswith("billstream_")}
    series += [{"series": _selector(key), "values": _values(key, story, hours)} for key in sorted(names)]
    play_over = {"interval": "1m", "input_series": series, "promql_expr_test": queries}
    test = {"rule_files": [str(MONITORING / "alerts.yml")], "evaluation_interval": "1m", "tests": [play_over]}
    path = folder / "played.yml"
    path.write_text(yaml.safe_dump(test))
    play(path)


def play(test: Path) -> None:
    done = subprocess.run(["promtool", "test", "rules", test], capture_output=True, text=True, check=False)  # noqa: S607
    assert done.returncode == 0, done.stdout + done.stderr


def _selector(key: Sample) -> str:
    name, labels = key
    return f"{name}{{{','.join(f'{label}={value!r}' for label, value in labels)}}}"


def _values(key: Sample, story: Story, hours: list[int]) -> str:
    """The samples of one series, one a minute. A time that moved between two scrapes moves on; another stands still."""
    parts, minute, last = list[str](), 0, 0.0
    for (before, after), length in zip(story.phases, hours, strict=True):
        minutes = 60 * length
        if key not in after:
            parts.append(f"_x{minutes}")
        elif key[0].endswith("_timestamp_seconds"):
            moves = _moves(key, before, after)
            parts.append(f"{60 * minute}+60x{minutes - 1}" if moves else f"{last}x{minutes - 1}")
            last = 60.0 * (minute + minutes) if moves else last
        else:
            parts.append(f"{after[key]}x{minutes - 1}")
        minute += minutes
    return " ".join(parts)


def _moves(key: Sample, before: Mapping[Sample, float], after: Mapping[Sample, float]) -> bool:
    return after[key] > before.get(key, 0.0)


def test_promtool_shows_each_rule_fire_and_resolve() -> None:
    if not shutil.which("promtool"):
        pytest.skip("no promtool: it comes with Debian's package prometheus")
    play(MONITORING / "alerts_test.yml")
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())
    tested = (MONITORING / "alerts_test.yml").read_text()
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        assert f'alertname="{rule["alert"]}"' in tested
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "meaning", "action"}
