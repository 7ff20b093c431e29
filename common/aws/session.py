"""The one boto3 session of this process, and its clients.

Credentials, region and endpoints are resolved by botocore, from the environment and the AWS config file, as for every
AWS tool; with `USE_LOCALSTACK=1` and no endpoint in the environment, LocalStack at `LOCALSTACK_HOST` is the endpoint.
"""

import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from billstream.common.aws.mistakes import check_endpoint, setting_up
from billstream.common.errors import Misconfigured, ServiceUnavailable

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from billstream.common.aws.access import Endpoint

DEFAULT_REGION = "us-east-1"
FRESH_SECONDS = 300.0
"""Credentials that were taken anew so recently are fresh: a refusal of them is about permissions, not about time."""

_LOCK = threading.RLock()


# -- the session ---------------------------------------------------------------------------------------------


@dataclass
class Login:
    """The session of this process, which keeps its credentials fresh by itself."""

    environment: tuple[tuple[str, str], ...]
    session: "boto3.Session"
    renewed_at: float | None = None
    endpoints: dict[str, "Endpoint"] = field(default_factory=dict)


_login_of_process: Login | None = None


def login() -> Login:
    """Return the one session of this process; a new one only if its environment has changed.

    Raises:
        Misconfigured, ServiceUnavailable: see `setting_up`.
    """
    global _login_of_process  # noqa: PLW0603 - there is one for the whole process
    with _LOCK:
        _drop_empty_variables()
        environment = _environment()
        if _login_of_process is None or _login_of_process.environment != environment:
            _login_of_process = Login(environment, _new_session())
        return _login_of_process


def renew() -> bool:
    """Take new credentials from wherever they come from; return False if that was done a short while ago.

    botocore renews what it knows to expire. A file that was rewritten, or a helper that names no expiry, is read again
    only by a new session.

    Raises:
        Misconfigured, ServiceUnavailable: there are none now.
    """
    global _login_of_process  # noqa: PLW0603
    with _LOCK:
        current = login()
        now = time.monotonic()
        if current.renewed_at is not None and now - current.renewed_at < FRESH_SECONDS:
            return False
        try:
            session = _new_session()
        except Misconfigured as error:
            raise ServiceUnavailable(f"The AWS credentials could not be renewed. {error}") from error
        _login_of_process = Login(current.environment, session, renewed_at=now)
        return True


def _environment() -> tuple[tuple[str, str], ...]:
    named = {"HOME", "USE_LOCALSTACK", "LOCALSTACK_HOST"}
    return tuple(sorted((name, v) for name, v in os.environ.items() if name.startswith("AWS_") or name in named))


def _drop_empty_variables() -> None:
    # botocore takes an empty AWS_PROFILE for the name of a profile; in compose files, empty means not set.
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value.strip()]:
        del os.environ[name]


def _new_session() -> "boto3.Session":
    import boto3  # noqa: PLC0415 - it takes a while to load, and a lake on a laptop needs no AWS

    with setting_up():
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
        credentials = session.get_credentials()
        if credentials is None and _uses_localstack():
            # LocalStack accepts any credentials, and its users do not set any.
            return boto3.Session("test", "test", region_name=session.region_name or DEFAULT_REGION)
        if credentials is not None:
            credentials.get_frozen_credentials()  # a role is assumed only now: a mistake shows at once
        return session


def _uses_localstack() -> bool:
    return os.environ.get("USE_LOCALSTACK", "").strip().lower() in {"1", "true"}


def _localstack_url(service: str) -> str | None:
    """Return LocalStack's URL of a service if it is to be used, and no endpoint is in the environment."""
    if not _uses_localstack() or {f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"} & os.environ.keys():
        return None
    from localstack_client.config import get_service_endpoint  # noqa: PLC0415 - it loads boto3

    endpoint: str | None = get_service_endpoint(service)
    return endpoint


# -- clients -------------------------------------------------------------------------------------------------


def s3_client() -> "S3Client":
    """Return a client for S3.

    Raises:
        Misconfigured: a mistake in the environment or in the AWS config file.
        ServiceUnavailable: the service that gives the credentials does not answer.
    """
    found: S3Client = client(login(), "s3", read_timeout=60)
    return found


def sqs_client() -> "SQSClient":
    """Return a client for SQS; its read time-out is longer than the longest long poll (20 s). Raises as `s3_client`."""
    found: SQSClient = client(login(), "sqs", read_timeout=30)
    return found


def cloudwatch_client() -> Any:  # noqa: ANN401 - its types are not installed for one call
    """Return a client for CloudWatch, for questions whose answer can be done without: it gives up after seconds.

    Raises as `s3_client`.
    """
    return client(login(), "cloudwatch", read_timeout=3, connect_timeout=2, retries={"total_max_attempts": 1})


def sns_client(region: str) -> Any:  # noqa: ANN401 - its types are not installed for one call
    """Return a client for the SNS of a region, which gives up after seconds: the outbox asks again later.

    Raises as `s3_client`.
    """
    once = {"total_max_attempts": 1}
    return client(login(), "sns", region=region, read_timeout=3, connect_timeout=2, retries=once)


def client(
    of: Login,
    service: str,
    *,
    read_timeout: float,
    region: str | None = None,
    **more: Any,  # noqa: ANN401 - any option's
) -> Any:  # noqa: ANN401 - any service's
    """Return a client of a session; `more` are options of botocore's `Config`. Raises as `s3_client`.

    Args:
        of: the session.
        service: name of the service.
        read_timeout: seconds for an answer.
        region: default: the session's.
        more: options.
    """
    options: dict[str, Any] = {
        "connect_timeout": 5,
        "read_timeout": read_timeout,
        "retries": {"mode": "standard", "total_max_attempts": 4},
        "user_agent_extra": "billstream",
        # botocore asks the world-wide host for what is in Virginia; DuckDB asks the region's own.
        "s3": {"us_east_1_regional_endpoint": "regional"},
    }
    session: Any = of.session
    with setting_up():
        client = session.client(
            service,
            region_name=region or session.region_name or DEFAULT_REGION,
            endpoint_url=_localstack_url(service),
            config=Config(**(options | more)),
        )
    check_endpoint(client, session)
    return client
