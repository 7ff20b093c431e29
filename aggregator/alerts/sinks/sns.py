"""SNS: programs get the alert as JSON, subscribers by e-mail get its text."""

import json
from typing import Any

from botocore.exceptions import ClientError

from billstream.aggregator.alerts.config import SnsPlace
from billstream.aggregator.alerts.values import Letter, Undelivered
from billstream.common.aws import NO_ANSWER, code_of, sns_client, status_of
from billstream.common.errors import Misconfigured, ServiceUnavailable

_LONGEST_SUBJECT = 99


def send(place: SnsPlace, letter: Letter) -> None:
    """Publish a letter. A FIFO topic drops a repeat by itself, within five minutes.

    Raises:
        Undelivered: SNS did not take it, or there are no credentials.
    """
    try:
        client = sns_client(place.region)
        client.publish(TopicArn=place.topic, **message(letter, fifo=place.topic.endswith(".fifo")))
    except ClientError as error:
        answered = 400 <= status_of(error) < 500  # noqa: PLR2004
        raise Undelivered(f"{place.topic}: SNS answered {code_of(error)}.", answered=answered) from None
    except NO_ANSWER as error:
        raise Undelivered(f"{place.topic}: SNS does not answer ({type(error).__name__}).") from None
    except (Misconfigured, ServiceUnavailable) as error:
        raise Undelivered(f"{place.topic}: {error}") from None


def message(letter: Letter, *, fifo: bool) -> dict[str, Any]:
    """Return the arguments of SNS's Publish, beside the topic."""
    # SNS takes ASCII only, and no line break.
    subject = letter.title.encode("ascii", "replace").decode()[:_LONGEST_SUBJECT]
    texts = {"default": json.dumps(letter.body()), "email": f"{letter.title}\n\n{letter.text}\n"}
    attributes = {"kind": letter.kind, "idempotency_key": letter.alert_id}
    only_once = {"MessageGroupId": letter.kind, "MessageDeduplicationId": letter.alert_id} if fifo else {}
    return {
        "Subject": subject,
        "Message": json.dumps(texts),
        "MessageStructure": "json",
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
        **only_once,
    }
