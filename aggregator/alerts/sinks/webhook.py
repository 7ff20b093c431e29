"""Webhooks: one POST of JSON, with the id of the alert as its Idempotency-Key."""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from billstream.aggregator.alerts.config import WebhookPlace, secret
from billstream.aggregator.alerts.values import Letter, Undelivered

CONNECT_SECONDS = 2.0
READ_SECONDS = 4.0
LONGEST_REPLY = 4096  # bytes that are read of an answer
_SHOWN_REPLY = 150


def send(place: WebhookPlace, letter: Letter) -> None:
    """Send the alert for programs.

    Raises:
        Undelivered: see `post`.
    """
    headers = {"Authorization": f"Bearer {secret(place.token_from)}"} if place.token_from else {}
    post(place.url_from, letter, letter.body(), headers)


def post(variable: str, letter: Letter, body: object, headers: Mapping[str, str] | None = None) -> None:
    """Send a JSON body to the URL in a variable of the environment.

    Certificates are verified, and no redirect is followed: an alert goes to the host that the operator named.

    Raises:
        Undelivered: the variable has no URL, no answer came in time, or it was not a success (2xx).
    """
    url = secret(variable)
    scheme, host = _checked(url, variable)
    all_headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Idempotency-Key": letter.alert_id,
        "User-Agent": "billstream",
        **(headers or {}),
    }
    content = json.dumps(body, ensure_ascii=True).encode()
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    try:
        with _manager(scheme, host) as manager:
            reply = manager.request(
                "POST",
                url,
                body=content,
                headers=all_headers,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                status, wait = reply.status, _seconds(reply.headers.get("Retry-After"))
                # Of a success only the status counts: an answer that breaks off behind it is an answer.
                text = "" if status // 100 == 2 else _beginning(reply)  # noqa: PLR2004 - 2xx
            finally:
                reply.close()
    except (HTTPError, OSError, ValueError) as error:
        raise Undelivered(f"{host} ({variable}): {_in_words(error)}.") from None
    if status // 100 == 3:  # noqa: PLR2004 - 3xx
        raise Undelivered(f"{host} ({variable}): answered {status}, a redirect, which is not followed.", answered=True)
    if status // 100 != 2:  # noqa: PLR2004
        # 429 and 5xx are about the sink, and not about this letter.
        answered = status < 500 and status != 429  # noqa: PLR2004
        raise Undelivered(
            f"{host} ({variable}): answered {status} {text}".rstrip(), answered=answered, retry_after=wait
        )


def _checked(url: str, variable: str) -> tuple[str, str]:
    """Return scheme and host of a URL."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and url.isprintable() and " " not in url
    except ValueError:
        usable = False
    if not usable:
        raise Undelivered(f"{variable} is not a URL that begins with https:// or http://.")
    return parts.scheme, str(parts.hostname)


def _manager(scheme: str, host: str) -> urllib3.PoolManager:
    proxy = getproxies().get(scheme)
    if proxy and not proxy_bypass(host):
        return urllib3.ProxyManager(proxy, cert_reqs="CERT_REQUIRED")
    return urllib3.PoolManager(cert_reqs="CERT_REQUIRED")


def _beginning(reply: urllib3.BaseHTTPResponse) -> str:
    try:
        content = reply.read(LONGEST_REPLY, decode_content=False)
    except (HTTPError, OSError):
        return ""
    return content.decode("utf-8", "replace")[:_SHOWN_REPLY]


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004


def _in_words(error: Exception) -> str:
    """Return a failure in words of ours: the client's own hold the path of the URL, which is the secret."""
    if isinstance(error, SSLError):
        return "its certificate is not trusted, or TLS failed"
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        return "no answer in time"
    if isinstance(error, NewConnectionError):
        return "no connection"
    if isinstance(error, LocationParseError):
        return "the URL cannot be read"
    return f"the connection broke ({type(error).__name__})"
