"""Slack, by an incoming webhook: blocks of plain text, in which no name is markup, a link or a mention."""

from billstream.aggregator.alerts.config import SlackPlace
from billstream.aggregator.alerts.sinks.webhook import post
from billstream.aggregator.alerts.values import Letter

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""The three characters that Slack reads as markup in `text`, which notifications show."""


def send(place: SlackPlace, letter: Letter) -> None:
    """Send a letter.

    Raises:
        Undelivered: see `webhook.post`.
    """
    post(place.url_from, letter, message(letter))


def message(letter: Letter) -> dict[str, object]:
    """Return the body of Slack's API."""
    blocks: list[dict[str, object]] = [{"type": "header", "text": _plain(letter.title)}]
    if letter.text.strip():
        blocks.append({"type": "section", "text": _plain(letter.text)})
    return {"text": letter.title.translate(_ESCAPES), "mrkdwn": False, "blocks": blocks}


def _plain(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text, "emoji": False}
