"""The sinks: where a letter is delivered to. Each raises `Undelivered` when it was not accepted."""

from billstream.aggregator.alerts.config import ApprisePlace, EmailPlace, Sink, SlackPlace, SnsPlace
from billstream.aggregator.alerts.sinks import apprise, email, slack, webhook
from billstream.aggregator.alerts.values import Letter


def send(sink: Sink, letter: Letter) -> None:
    """Deliver a letter.

    Raises:
        Undelivered: the sink did not take it, or its answer was lost.
    """
    place = sink.place
    if isinstance(place, SlackPlace):
        slack.send(place, letter)
    elif isinstance(place, EmailPlace):
        email.send(place, letter)
    elif isinstance(place, ApprisePlace):
        apprise.send(place, letter)
    elif isinstance(place, SnsPlace):
        from billstream.aggregator.alerts.sinks import sns  # noqa: PLC0415 - boto3 takes a while to load

        sns.send(place, letter)
    else:
        webhook.send(place, letter)
