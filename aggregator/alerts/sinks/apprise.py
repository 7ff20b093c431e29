"""Apprise, which knows many services by their URLs: an optional library."""

from importlib import import_module
from typing import Any

from billstream.aggregator.alerts.config import ApprisePlace, secret
from billstream.aggregator.alerts.values import Letter, Undelivered


def send(place: ApprisePlace, letter: Letter) -> None:
    """Send a letter as plain text.

    Raises:
        Undelivered: the library is not installed, does not know the URL, or reports a failure.
    """
    url = secret(place.url_from)
    library = _library()
    notifier = library.Apprise()
    if not notifier.add(url):
        raise Undelivered(f"{place.url_from} is not a URL that apprise knows.")
    if not notifier.notify(title=letter.title, body=letter.text or letter.title, body_format="text"):
        raise Undelivered(f"apprise could not deliver to the service in {place.url_from}.")


def _library() -> Any:  # noqa: ANN401 - it is not installed everywhere
    try:
        return import_module("apprise")
    except ImportError:
        raise Undelivered("A sink of the kind apprise needs the extra: pip install 'billstream[notify]'.") from None
