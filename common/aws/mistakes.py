"""Mistakes in the set-up of AWS: the environment, the AWS config file, and what gives the credentials."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectionError,  # noqa: A004 - botocore's own, which is no kin of the built-in one
    CredentialRetrievalError,
    HTTPClientError,
    InvalidRegionError,
    LoginError,
    NoAuthTokenError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnknownFIPSEndpointError,
)
from urllib3.exceptions import HTTPError

from billstream.common.aws.errors import NOT_SET_UP, SET_CREDENTIALS, TRUST, status_of, unanswered
from billstream.common.errors import Misconfigured, ServiceUnavailable

_SIGN_IN = "Sign in again with `aws sso login` or `aws login`, with the profile that AWS_PROFILE names."
# The first class that fits gives the advice on a mistake in the set-up.
_ADVICE: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (ProfileNotFound, "Set AWS_PROFILE to one of the profiles that `aws configure list-profiles` shows, or unset it."),
    ((ConfigParseError, ConfigNotFound), "Correct that file, or name another in AWS_CONFIG_FILE."),
    (InvalidRegionError, "Set AWS_REGION to the name of a region, such as eu-west-1."),
    (UnknownFIPSEndpointError, "Set AWS_REGION to the name of a region, such as us-gov-west-1."),
    ((SSOError, TokenRetrievalError, NoAuthTokenError, LoginError), _SIGN_IN),
    (CredentialRetrievalError, "Run the command or the service that gives the credentials by hand, and correct it."),
    (ClientError, "Correct the role, or the profile that names it."),
    (NOT_SET_UP, SET_CREDENTIALS),
)


@contextmanager
def setting_up() -> Iterator[None]:
    """Translate the errors of a session, its first credentials, and its clients: one sentence, with what to do.

    Raises:
        Misconfigured: a mistake in the environment or in the AWS config file; to try again would not help.
        ServiceUnavailable: the service that gives the credentials does not answer.
    """
    try:
        yield
    except ClientError as error:
        status = status_of(error)
        if status in {0, 429} or status >= 500:  # noqa: PLR2004 - HTTP
            raise ServiceUnavailable(f"getting AWS credentials: {error}") from error
        raise _mistake(error) from error
    except (ConnectionError, HTTPClientError, HTTPError) as error:
        raise unanswered(error, "getting AWS credentials") from error
    except (BotoCoreError, ValueError, OSError) as error:
        raise _mistake(error) from error


def _mistake(error: Exception) -> Misconfigured:
    text = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, ValueError) and text.startswith("Invalid endpoint"):
        # Not in its own words: it repeats the URL, which may hold a password.
        return Misconfigured(f"An endpoint of AWS is not a URL. {_SET_ENDPOINT}")
    advice = next((advice for kind, advice in _ADVICE if isinstance(error, kind)), "Correct the AWS_* variables.")
    return Misconfigured(f"AWS is not set up as it should be: {text or type(error).__name__}. {advice}")


_SET_ENDPOINT = (
    "Set AWS_ENDPOINT_URL (or endpoint_url in the AWS config file) to a URL with its scheme and without a user, "
    "such as http://localhost:4566."
)


def check_endpoint(client: Any, session: Any) -> None:  # noqa: ANN401
    """Refuse an endpoint that no client could use, certificates that are not there, and a region that nobody knows."""
    bundle = client._endpoint.http_session._verify  # noqa: SLF001 - the only place that knows every source of it
    if isinstance(bundle, str) and not Path(bundle).exists():
        raise Misconfigured(f"There is no file of certificates {bundle}. {TRUST}")
    url, region = urlsplit(client.meta.endpoint_url), client.meta.region_name
    if not url.hostname or url.username is not None:
        raise Misconfigured(f"An endpoint of AWS is not a URL that can be used. {_SET_ENDPOINT}")
    known = [session.get_available_regions("s3", partition) for partition in session.get_available_partitions()]
    if region not in url.hostname or any(region in regions for regions in known):
        return
    try:
        socket.getaddrinfo(url.hostname, None)  # a region newer than botocore has a host all the same
    except OSError:
        raise Misconfigured(
            f"There is no region {region} of AWS, as far as is known here: {url.hostname} has no address. "
            "Set AWS_REGION to the name of a region, such as eu-west-1."
        ) from None
