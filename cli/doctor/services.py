"""Questions to AWS: the queue, its dead letters, the buckets, and the time there."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from billstream.cli.doctor.check import Check, Verdict
from billstream.cli.status import queue_expected, read_queue
from billstream.common import aws
from billstream.common.settings import Settings
from billstream.common.texts import counted

_OLD_SECONDS = 900.0
_SKEW_SECONDS, _REFUSED_SECONDS = 5.0, 300.0  # AWS refuses requests of clocks that are off by 15 minutes


def queue(settings: Settings) -> Iterator[Check]:
    """Yield the depth of the queue, the age of its oldest message, and the number of dead letters."""
    if not queue_expected(settings):
        yield Check("queue", Verdict.OK, "none is configured")
        return
    state = read_queue(settings)
    if state.queue is None:
        yield Check("queue", Verdict.FAIL, state.queue_problem or "it does not answer", "See `billstream status`.")
        return
    depth, age = state.queue, state.oldest_message_seconds
    details = {"url": state.queue_url, "region": state.region, **vars(depth), "oldest_message_seconds": age}
    found = f"{counted(depth.visible, 'message')} waiting, {depth.in_flight:,} in flight"
    late = age is not None and age > _OLD_SECONDS
    advice = f"The oldest message is {age:,.0f} s old: are enough consumers running?" if late else ""
    yield Check("queue", Verdict.WARN if late else Verdict.OK, found, advice, details)
    if state.dead_letters is None:
        yield Check("dead letters", Verdict.UNKNOWN, state.dead_letter_problem or "there is no such queue")
    elif state.dead_letters:
        advice = "See `billstream dlq`; when the cause is gone, `billstream redrive`."
        yield Check("dead letters", Verdict.WARN, counted(state.dead_letters, "message"), advice)
    else:
        yield Check("dead letters", Verdict.OK, "none")


def buckets(settings: Settings) -> Iterator[Check]:
    """Yield whether each bucket answers, and how far the clock of this host is from that of S3."""
    if not queue_expected(settings) and settings.data_bucket is None:
        return
    client = aws.s3_client()
    names = [*settings.our_buckets, *([settings.data_bucket[0]] if settings.data_bucket else [])]
    dates = []
    for name in dict.fromkeys(names):
        try:
            answer: Any = client.head_bucket(Bucket=name)
            yield Check(f"bucket {name}", Verdict.OK, "it answers")
        except Exception as error:  # noqa: BLE001 - vendor errors are translated elsewhere; here each is an answer
            answer = getattr(error, "response", {})
            advice = "Check its name, the region, the credentials, and the permission s3:ListBucket."
            yield Check(f"bucket {name}", Verdict.FAIL, str(error), advice)
        dates.append(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))
    if told := [date for date in dates if date]:
        yield _clock(parsedate_to_datetime(told[-1]))


def _clock(there: datetime) -> Check:
    seconds = abs((datetime.now(UTC) - there).total_seconds())
    found = f"within {max(seconds, 1):,.0f} s of that of S3"
    details = {"seconds": round(seconds, 1)}
    if seconds > _REFUSED_SECONDS:
        return Check("clock", Verdict.FAIL, found, "Correct the clock: AWS refuses requests soon, or already.", details)
    if seconds > _SKEW_SECONDS:
        return Check("clock", Verdict.WARN, found, "Have the clock set by NTP.", details)
    return Check("clock", Verdict.OK, found, details=details)
