"""Rules of alerts over values: quiet hours, schedules, limits, the file of sinks, the digest, and foreign text."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billstream.aggregator.alerts.config import EmailPlace, read_sinks
from billstream.aggregator.alerts.digest import (
    MOST_LINES,
    Facts,
    digest_lines,
    digest_markdown,
    due_digests,
    lines_of_markdown,
)
from billstream.aggregator.alerts.hours import CATCH_UP, QuietHours, Schedule, quiet_until
from billstream.aggregator.alerts.limits import DEFAULT, Limit, Told
from billstream.aggregator.alerts.outbox import wait_after
from billstream.aggregator.alerts.sinks import slack
from billstream.aggregator.alerts.sinks.email import mail
from billstream.aggregator.alerts.sinks.sns import message
from billstream.aggregator.alerts.values import Letter
from billstream.common.errors import Misconfigured
from billstream.common.toml_lines import variables_named

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BERLIN = "22:00-07:00 Europe/Berlin"
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
CLOCKS = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-10 20:59", None),  # 21:59 in Berlin
        ("2026-01-10 21:00", "2026-01-11 06:00"),
        ("2026-01-11 05:59", "2026-01-11 06:00"),
        ("2026-01-11 06:00", None),
        ("2026-07-10 20:00", "2026-07-11 05:00"),  # summer
        ("2026-03-28 21:30", "2026-03-29 05:00"),  # the clocks skip an hour in this night
        ("2026-10-24 20:30", "2026-10-25 06:00"),  # they repeat one in this
    ],
)
def test_quiet_hours_go_over_midnight_and_changes_of_the_clock(now: str, until: str | None) -> None:
    assert QuietHours.read(BERLIN).until(utc(now)) == (utc(until) if until else None)


@given(now=MOMENTS, begin=CLOCKS, end=CLOCKS, zone=st.sampled_from(["Europe/Berlin", "UTC", "America/St_Johns"]))
def test_quiet_hours_end_within_a_day_and_by_the_wall_clock(now: datetime, begin: str, end: str, zone: str) -> None:
    if begin == end:
        return
    hours = QuietHours.read(f"{begin}-{end} {zone}")
    until = hours.until(now)
    local = f"{now.astimezone(hours.zone):%H:%M}"
    assert (until is not None) == ((begin <= local < end) if begin < end else (local >= begin or local < end))
    if until:
        assert now < until <= now + timedelta(hours=25)
    assert quiet_until((hours,), now) == until


@pytest.mark.parametrize("text", ["22-07", "22:00-22:00", "24:00-07:00", "22:00-07:00 Mars/Base", "22:00-07:00 ../etc"])
def test_other_quiet_hours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"form|empty|no time zone"):
        QuietHours.read(text)


def test_a_schedule_is_due_once_at_its_time_and_for_some_hours() -> None:
    daily, weekly = Schedule.read("daily 08:00 Europe/Berlin"), Schedule.read("weekly mon 23:00")
    assert daily.due(utc("2026-01-10 06:59")) is None
    assert str(daily.due(utc("2026-01-10 07:00"))) == "2026-01-10"
    assert daily.due(utc("2026-01-10 07:00") + CATCH_UP) is None
    assert str(weekly.due(utc("2026-03-03 01:00"))) == "2026-03-02", "the day whose time it was"
    assert weekly.due(utc("2026-03-03 23:00")) is None
    for wrong in ("daily 8:00", "weekly xyz 08:00", "hourly", "weekly m 08:00"):
        with pytest.raises(ValueError, match="form"):
            Schedule.read(wrong)


@given(steps=st.lists(st.tuples(st.integers(1, 72), st.integers(0, 1000)), max_size=30))
def test_a_growing_incident_is_told_once_and_then_once_a_day_at_most(steps: list[tuple[int, int]]) -> None:
    limit, now, told = Limit.read(DEFAULT), NOW, list[Told]()
    for hours, size in steps:
        now += timedelta(hours=hours)
        if limit.allows(told, Decimal(size), now):
            told.append(Told(now, Decimal(size)))
    assert len(told) >= min(1, len(steps))
    for earlier, later in pairwise(told):
        assert later.at - earlier.at >= timedelta(days=1)
        assert later.amount
        assert earlier.amount is not None
        assert later.amount >= earlier.amount * Decimal("1.25")


def test_a_limit_without_growth_tells_once() -> None:
    week = NOW + timedelta(days=7)
    assert not Limit.read("1 per incident").allows([Told(NOW, Decimal(1))], Decimal(100), week)
    assert Limit.read(DEFAULT).allows([Told(NOW, Decimal(-100))], Decimal(-125), week), "a fall grows, too"
    assert not Limit.read(DEFAULT).allows([Told(NOW, None)], Decimal(5), week)
    with pytest.raises(ValueError, match="per incident"):
        Limit.read("as many as you like")


def test_waits_grow_to_an_hour_or_to_what_the_sink_asks_for() -> None:
    assert [wait_after(n, None).total_seconds() for n in (1, 2, 3, 99)] == [30, 60, 120, 3600]
    assert wait_after(1, 7200).total_seconds() == 7200
    assert wait_after(1, 1e12).total_seconds() == 86_400


GOOD = """
[sink.ml-slack]
kind = "slack"
url_from = "BILLSTREAM_SLACK_URL"
at_most = "1 per incident, then 1 a day while it grows by 50 %"
quiet = ["22:00-07:00 Europe/Berlin"]
digest = "daily 08:00 Europe/Berlin"

[sink.ops]
kind = "email"
host = "mail.example.com"
sender = "billstream@example.com"
to = ["ops@example.com"]
kinds = ["stale_source"]
user_from = "SMTP_USER"
password_from = "SMTP_PASSWORD"
"""


def test_the_file_of_sinks(tmp_path: Path) -> None:
    path = tmp_path / "alerts.toml"
    path.write_text(GOOD)
    slack_sink, ops = read_sinks(path)
    assert (slack_sink.limit.growth, str(slack_sink.quiet[0].zone)) == (Decimal("0.5"), "Europe/Berlin")
    assert slack_sink.takes("anomaly", None)
    assert not slack_sink.takes("anomaly", ("ops",))
    assert [ops.takes(kind, None) for kind in ("anomaly", "stale_source")] == [False, True]
    assert variables_named(path, "sink") == {"BILLSTREAM_SLACK_URL", "SMTP_USER", "SMTP_PASSWORD"}
    assert read_sinks(None) == ()
    assert [one.dedupe_key for one in due_digests(read_sinks(path), ["a"], utc("2026-01-10 07:00"))] == [
        "digest:ml-slack:2026-01-10"
    ]


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ('url_from = "BILLSTREAM_SLACK_URL"', "", r"\[sink.ml-slack\] url_from: Field required \(line 2\)"),
        ("url_from", "url", r"\[sink.ml-slack\] .*url.*\(line"),
        ("22:00-07:00", "22-07", r"quiet: .*form 22:00-07:00 Europe/Berlin \(line 6\)"),
        ("50 %", "fifty", r"at_most: .*\(line 5\)"),
        ('kind = "email"', 'kind = "pager"', r"\[sink.ops\] kind: .*\(line"),
        ('"stale_source"', '"noise"', r"kinds: .*\(line 14\)"),
        ("ops@example.com", "ops@example.com\\nBcc: x@y.z", r"\[sink.ops\] to"),
        ('host = "mail', 'tls = "none"\nhost = "mail', "not sent without TLS"),
        ("[sink.ops]", "[sinks.ops]", "'sinks' is not a table of sinks"),
        ("[sink.ops]", "[sink.ops", "line 9"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    path = tmp_path / "alerts.toml"
    path.write_text(GOOD.replace(wrong, right, 1))
    with pytest.raises(Misconfigured, match=told):
        read_sinks(path)


# -- foreign text --------------------------------------------------------------------------------------------

HOSTILE = "x\r\nBcc: all@example.com\r\n\r\n<!channel> <b> [a](http://b) *c* \x1b[31m \u202e \ud800"


def letter(title: str = HOSTILE, text: str = HOSTILE) -> Letter:
    row = {"alert_id": "01a2", "kind": "anomaly", "title": title, "text": text, "payload": "{}", "created_at": NOW}
    return Letter.of(row)


@given(title=st.text(max_size=400), text=st.text(max_size=400))
def test_no_name_becomes_a_header(title: str, text: str) -> None:
    place = EmailPlace(kind="email", host="h", sender="a@example.com", to=["b@example.com"])
    sent = mail(place, letter(title, text))
    read = message_from_bytes(bytes(sent), policy=policy.default)
    assert set(read.keys()) == {
        "Subject",
        "From",
        "To",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "Content-Type",
        "Content-Transfer-Encoding",
        "MIME-Version",
    }
    assert read["Message-ID"] == "<01a2@billstream>"


def test_hostile_words_stay_words() -> None:
    place = EmailPlace(kind="email", host="h", sender="a@example.com", to=["b@example.com"])
    assert "Bcc" not in message_from_bytes(bytes(mail(place, letter())), policy=policy.default)
    told = slack.message(letter())
    assert "<" not in str(told["text"])
    assert {block["text"]["type"] for block in told["blocks"]} == {"plain_text"}  # type: ignore[attr-defined]
    subject = message(letter(), fifo=True)["Subject"]
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100


def test_a_digest_has_eight_lines_at_most_and_says_what_it_leaves_out() -> None:
    many = [f"thing {number}" for number in range(9)]
    lines = digest_lines(Facts(headline="One", changes=many, budgets=many, doubts=many))
    assert len(lines) == MOST_LINES
    assert lines[3] == "thing 2 (and 6 more)"
    assert lines[-1] == "Not to trust: thing 1 (and 7 more)"
    assert digest_lines(Facts(headline="One")) == ["One"]


@given(headline=st.text(), texts=st.lists(st.text(), max_size=5))
def test_a_digest_is_read_as_it_was_written(headline: str, texts: list[str]) -> None:
    facts = Facts(headline=headline, changes=texts, doubts=texts)
    text = digest_markdown(facts)
    assert lines_of_markdown(text) == digest_lines(facts)
    assert "<" not in text.replace("\\<", "")
