"""The outbox over a real lake, and sinks that are slow, refuse and die: nothing is lost, and nothing has two keys."""

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from billstream.aggregator.alerts import courier, outbox
from billstream.aggregator.alerts.config import Sink, read_sinks
from billstream.aggregator.alerts.courier import Courier
from billstream.aggregator.alerts.round import Alerts
from billstream.aggregator.alerts.sinks import apprise, send
from billstream.aggregator.alerts.values import Alert, Letter, Undelivered
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.integration.aggregator_support import new_lake
from tests.servers.aws import AwsEnvironment
from tests.servers.sinks import HttpSink, SmtpSink, http_sink, smtp_sink

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOOK = '[sink.hook]\nkind = "webhook"\nurl_from = "HOOK_URL"\n'
SLACK = '[sink.slack]\nkind = "slack"\nurl_from = "SLACK_URL"\n'


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with new_lake(tmp_path_factory.mktemp("lake")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _empty(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "lake" in request.fixturenames:
        opened = request.getfixturevalue("lake")

        def clear(con: object) -> None:
            for table in ("alerts", "alert_deliveries"):
                con.execute(f"DELETE FROM {table}")  # type: ignore[attr-defined]

        opened.commit(clear, claims=[], author="test", message="test")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpSink]:
    with http_sink() as sink:
        monkeypatch.setenv("HOOK_URL", sink.url)
        yield sink


@pytest.fixture
def mailbox() -> Iterator[SmtpSink]:
    with smtp_sink() as sink:
        yield sink


def sinks(folder: Path, text: str) -> tuple[Sink, ...]:
    (folder / "alerts.toml").write_text(text)
    return read_sinks(folder / "alerts.toml")


def alert(key: str = "a", **more: Any) -> Alert:  # noqa: ANN401 - any field of an alert
    return Alert(
        kind="anomaly", dedupe_key=key, title=f"Title {key}", text="Text", payload={"n": Decimal("1.10")}, **more
    )


def queue(lake: Lake, to: Sequence[Sink], *alerts: Alert, now: datetime = NOW) -> int:
    return outbox.queue(lake, alerts, to, now=now)


def states(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows("SELECT sink, state, attempts FROM alert_deliveries ORDER BY ALL")


def test_an_alert_is_queued_once_and_sent_once(lake: Lake, hook: HttpSink, tmp_path: Path) -> None:
    to = sinks(tmp_path, HOOK)
    assert [queue(lake, to, alert()), queue(lake, to, alert()), queue(lake, to, alert("b"))] == [1, 0, 1]
    for _ in range(2):
        Courier(lake, to).deliver(now=NOW)
    assert [one.body["title"] for one in hook.received] == ["Title a", "Title b"]
    assert hook.received[0].body["data"] == {"n": "1.10"}
    assert hook.keys() == [one.body["id"] for one in hook.received]
    assert states(lake) == [("hook", "sent", 1)] * 2
    snapshot = lake.snapshot_id()
    Courier(lake, to).deliver(now=NOW)
    assert lake.snapshot_id() == snapshot, "nothing is written where nothing is due"


def test_a_limit_and_a_new_sink(lake: Lake, tmp_path: Path) -> None:
    to = sinks(tmp_path, HOOK)
    days = [(0, 100), (0, 200), (1, 124), (1, 125), (2, 150), (9, 160)]
    queued = [
        queue(lake, to, alert(f"{n}", incident="i", amount=Decimal(size)), now=NOW + timedelta(days=day))
        for n, (day, size) in enumerate(days)
    ]
    assert queued == [1, 0, 0, 1, 0, 1]
    more = sinks(tmp_path, HOOK + HOOK.replace("sink.hook", "sink.other"))
    assert queue(lake, more, alert("5", incident="i", amount=Decimal(160))) == 1, "the new sink alone"


@pytest.mark.parametrize("trouble", ["hang", "cut", "drip", 500, 404, 429, "redirect"])
def test_a_sink_that_fails_gets_it_again_by_the_same_key(
    lake: Lake, hook: HttpSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: int | str
) -> None:
    to = sinks(tmp_path, HOOK)
    queue(lake, to, alert())
    hook.answers = [trouble]
    with monkeypatch.context() as impatient:
        if trouble in {"hang", "drip"}:  # they never answer, so that a short round loses nothing
            impatient.setattr(courier, "ROUND_SECONDS", 1.0)
        (end,) = Courier(lake, to).deliver(now=NOW)
    assert end.error
    assert "SECRETPATH" not in str(end.error)
    assert states(lake) == [("hook", "failed", 1)]
    ((error,),) = lake.rows("SELECT last_error FROM alert_deliveries")
    assert error == str(end.error)
    assert "\n" not in error
    assert Courier(lake, to).deliver(now=NOW + timedelta(seconds=29)) == [], "it waits"
    Courier(lake, to).deliver(now=NOW + timedelta(hours=2, seconds=1))
    assert states(lake) == [("hook", "sent", 2)]
    assert len(hook.received) == 2
    assert len(set(hook.keys())) == 1
    assert hook.received[1].path == hook.received[0].path


def test_a_success_whose_body_breaks_off_is_a_success(lake: Lake, hook: HttpSink, tmp_path: Path) -> None:
    to = sinks(tmp_path, HOOK)
    queue(lake, to, alert())
    hook.answers = ["half"]
    Courier(lake, to).deliver(now=NOW)
    assert states(lake) == [("hook", "sent", 1)]


def test_a_sink_that_hangs_delays_no_other_and_is_not_asked_twice_at_a_time(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = sinks(tmp_path, HOOK + SLACK)
    queue(lake, to, alert(), alert("b"))
    answers, given = threading.Event(), list[tuple[str, str]]()

    def sending(sink: Sink, letter: Letter) -> None:
        given.append((sink.name, letter.title))
        if sink.name == "hook":
            answers.wait()

    postman = Courier(lake, to, sending)
    with monkeypatch.context() as impatient:
        impatient.setattr(courier, "ROUND_SECONDS", 2.0)
        postman.deliver(now=NOW)
    sent = ("slack", "sent", 1)
    assert states(lake) == [("hook", "failed", 1), ("hook", "pending", 0), sent, sent]
    assert postman.deliver(now=NOW + timedelta(hours=1)) == [], "the first request still waits"
    answers.set()
    postman._waiting["hook"].join()
    postman.deliver(now=NOW + timedelta(hours=1))
    assert {state for _, state, _ in states(lake)} == {"sent"}
    assert sorted(given) == [
        ("hook", "Title a"),
        ("hook", "Title a"),
        ("hook", "Title b"),
        *(("slack", f"Title {n}") for n in "ab"),
    ]


def test_no_sink_and_no_variable_are_failures_that_heal(
    lake: Lake, tmp_path: Path, hook: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = sinks(tmp_path, HOOK)
    queue(lake, to, alert())
    for step, url in enumerate(["", "http://127.0.0.1:1/x", "file:///etc/passwd"]):
        monkeypatch.setenv("HOOK_URL", url)
        (end,) = Courier(lake, to).deliver(now=NOW + timedelta(hours=step))
        assert "HOOK_URL" in str(end.error)
    monkeypatch.setenv("HOOK_URL", hook.url)
    Courier(lake, to).deliver(now=NOW, at_once=True)
    assert states(lake) == [("hook", "sent", 4)]


def test_quiet_hours_hold_what_is_queued(lake: Lake, hook: HttpSink, tmp_path: Path) -> None:
    to = sinks(tmp_path, HOOK + 'quiet = ["11:00-13:00 UTC"]\n')
    queue(lake, to, alert())
    assert Courier(lake, to).deliver(now=NOW) == []
    Courier(lake, to).deliver(now=NOW + timedelta(hours=1))
    assert len(hook.received) == 1


def test_an_unknown_error_of_a_sink_ends_nothing(lake: Lake, tmp_path: Path) -> None:
    to = sinks(tmp_path, HOOK)
    queue(lake, to, alert())

    def broken(_sink: Sink, _letter: Letter) -> None:
        raise RuntimeError("https://secret")

    (end,) = Courier(lake, to, broken).deliver(now=NOW)
    assert str(end.error) == "RuntimeError in the sink hook: please report it."


def test_two_couriers_never_have_the_same_attempt(lake: Lake, hook: HttpSink, tmp_path: Path) -> None:
    to = sinks(tmp_path, HOOK)
    queue(lake, to, alert())
    assert len(outbox.take(lake, ["hook"], now=NOW)) == 1
    for waiting_too in (False, True):
        assert outbox.take(lake, ["hook"], now=NOW, waiting_too=waiting_too) == []
    # The first one died: its attempt counts as lost.
    Courier(lake, to).deliver(now=NOW + outbox.LEASE)
    assert states(lake) == [("hook", "sent", 2)]
    assert len(hook.received) == 1


def test_a_digest_goes_out_once_at_its_time(
    lake: Lake, hook: HttpSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sinks(tmp_path, HOOK + 'kinds = []\ndigest = "daily 12:00"\n')
    monkeypatch.setenv("BILLSTREAM_ALERTS", str(tmp_path / "alerts.toml"))
    alerts = Alerts(lake, Settings(home=tmp_path))
    for minutes in (-1, 0, 5, 600):
        alerts.go_round(["Headline", "Second"], now=NOW + timedelta(minutes=minutes))
    assert [(one.body["title"], one.body["text"]) for one in hook.received] == [("Headline", "Second")]


def test_a_round_is_due_at_the_time_of_a_digest_and_of_another_attempt(
    lake: Lake, hook: HttpSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = sinks(tmp_path, HOOK + 'digest = "daily 12:00"\nquiet = ["13:00-14:00"]\n')
    monkeypatch.setenv("BILLSTREAM_ALERTS", str(tmp_path / "alerts.toml"))
    alerts = Alerts(lake, Settings(home=tmp_path))

    def due(seconds: float) -> bool:
        return alerts.due(NOW + timedelta(seconds=seconds))

    assert [due(-1), due(0)] == [False, True]
    alerts.go_round([], now=NOW)  # nothing is published yet, so there is no digest to send
    assert [due(0), due(86_399), due(86_400)] == [False, False, True]

    def refuse(_sink: Sink, _letter: Letter) -> None:
        raise Undelivered("not now", answered=True)

    queue(lake, to, alert())
    alerts._courier = Courier(lake, alerts.sinks, refuse)
    alerts.go_round([], now=NOW)
    assert [due(29), due(30)] == [False, True]
    assert [due(3600), due(7199), due(7200)] == [False, False, True], "not in quiet hours"
    alerts._courier = Courier(lake, alerts.sinks)
    alerts.go_round([], now=NOW + timedelta(seconds=30))
    assert len(hook.received) == 1
    assert not due(7200)


def test_mail(lake: Lake, mailbox: SmtpSink, tmp_path: Path) -> None:
    text = (
        f'[sink.mail]\nkind = "email"\nhost = "127.0.0.1"\nport = {mailbox.port}\ntls = "none"\n'
        'sender = "billstream@example.com"\nto = ["a@example.com", "b@example.com"]\n'
    )
    to = sinks(tmp_path, text)
    queue(lake, to, alert("x\r\nBcc: c@example.com"))
    for code in (451, 554):
        mailbox.refuse = code
        (end,) = Courier(lake, to).deliver(now=NOW, at_once=True)
        assert f"answered {code} refused" in str(end.error)
    mailbox.refuse, mailbox.recipients = None, []
    Courier(lake, to).deliver(now=NOW, at_once=True)
    (mail,) = mailbox.mails
    ((alert_id,),) = lake.rows("SELECT alert_id FROM alerts")
    assert mail["Message-ID"] == f"<{alert_id}@billstream>"
    assert mail["Bcc"] is None
    assert mailbox.recipients == ["a@example.com", "b@example.com"]
    (other,) = sinks(tmp_path, text.replace('tls = "none"\n', ""))
    with pytest.raises(Undelivered, match="STARTTLS"):
        send(other, Letter.of(lake.query("SELECT * FROM alerts").to_pylist()[0]))


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_sns(lake: Lake, aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    fifo = {"FifoTopic": "true"}
    topics = [
        aws.sns.create_topic(Name=f"{aws.bucket}-t")["TopicArn"],
        aws.sns.create_topic(Name=f"{aws.bucket}-t.fifo", Attributes=fifo)["TopicArn"],
    ]
    queues = [
        aws.sqs.create_queue(QueueName=f"{aws.bucket}-q")["QueueUrl"],
        aws.sqs.create_queue(QueueName=f"{aws.bucket}-q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"],
    ]
    for topic, url in zip(topics, queues, strict=True):
        aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=aws.queue_arn(url))
    to = sinks(tmp_path, "".join(f'[sink.s{n}]\nkind = "sns"\ntopic = "{arn}"\n' for n, arn in enumerate(topics)))
    queue(lake, to, alert())
    Courier(lake, to).deliver(now=NOW)
    assert [state for _, state, _ in states(lake)] == ["sent", "sent"]
    for number, url in enumerate(queues):
        (got,) = aws.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2, AttributeNames=["All"])["Messages"]
        body = json.loads(json.loads(got["Body"])["Message"])
        assert body["title"] == "Title a"
        if number == 1:
            assert got["Attributes"]["MessageDeduplicationId"] == body["id"]
        aws.sqs.delete_queue(QueueUrl=url)
    (gone,) = sinks(tmp_path, f'[sink.s]\nkind = "sns"\ntopic = "{topics[0]}x"\n')
    with pytest.raises(Undelivered, match="SNS answered NotFound"):
        send(gone, Letter.of(lake.query("SELECT * FROM alerts").to_pylist()[0]))


def test_apprise_is_asked_for_only_when_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (sink,) = sinks(tmp_path, '[sink.a]\nkind = "apprise"\nurl_from = "APPRISE_URL"\n')
    monkeypatch.setenv("APPRISE_URL", "json://localhost")
    monkeypatch.setattr(apprise, "import_module", lambda _: __import__("no_such_library"))
    with pytest.raises(Undelivered, match=r"billstream\[notify\]"):
        send(sink, Letter(alert_id="a", kind="test", title="t", text="t", payload="{}", created_at=NOW))


def test_apprise_delivers_by_its_real_library_and_reports_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("apprise", reason="the extra billstream[notify] is not installed")
    (sink,) = sinks(tmp_path, '[sink.a]\nkind = "apprise"\nurl_from = "APPRISE_URL"\n')
    letter = Letter(alert_id="a", kind="test", title="Title <b>", text="Text *x*", payload="{}", created_at=NOW)
    with http_sink() as hook:
        monkeypatch.setenv("APPRISE_URL", hook.url.replace("http://", "json://"))
        send(sink, letter)
        assert (hook.received[0].body["title"], hook.received[0].body["message"]) == ("Title <b>", "Text *x*")
        hook.answers.append(500)
        with pytest.raises(Undelivered, match="could not deliver"):
            send(sink, letter)
    monkeypatch.setenv("APPRISE_URL", "nonsense")
    with pytest.raises(Undelivered, match="not a URL that apprise knows"):
        send(sink, letter)


def test_the_outbox_on_postgresql_delivers_once(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, catalog=SecretStr(postgres_url), threads=1)
    to = sinks(tmp_path, '[sink.hook]\nkind = "webhook"\nurl_from = "HOOK_URL"\n')
    with Lake.open(settings, create=True) as lake, http_sink() as hook:
        monkeypatch.setenv("HOOK_URL", hook.url)
        hook.answers.append(503)
        queue(lake, to, alert())
        queue(lake, to, alert())
        Courier(lake, to).deliver(now=NOW)
        assert [state for _, state, _ in states(lake)] == ["failed"]
        Courier(lake, to).deliver(now=NOW + timedelta(hours=3))
        assert [state for _, state, _ in states(lake)] == ["sent"]
        assert len(hook.received) == 2
        assert len(set(hook.keys())) == 1
