"""AWS clients, with their endpoints, credentials, time-outs and retries.

Endpoints follow what the users of each tool expect: `AWS_ENDPOINT_URL` (and `AWS_ENDPOINT_URL_S3` and so on)
as boto3 reads them; else, with `USE_LOCALSTACK=1`, LocalStack at `LOCALSTACK_HOST` as localstack-client
resolves it; else AWS itself.
"""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSOTokenLoadError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from billstream.common.errors import Fatal, Misconfigured, ServiceUnavailable

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

DEFAULT_REGION = "us-east-1"

NO_ANSWER = (BotoCoreError, ResponseParserError, HTTPError)
"""Exceptions of boto3 for a missing or unreadable answer. A `ClientError` is an answer."""

CREDENTIALS_REFUSED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
"""Error codes by which AWS refuses the credentials themselves, whatever the request."""

SET_CREDENTIALS = "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or AWS_PROFILE, or attach a role."
"""The advice when no credentials are configured."""

_NOT_SET_UP = (
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSOTokenLoadError,
    UnauthorizedSSOTokenError,
)


def credentials_refused(doing: str, code: object) -> Fatal:
    """Return the error for a refusal whose code is one of `CREDENTIALS_REFUSED`."""
    return Fatal(
        f"{doing}: {code}. The AWS credentials are wrong or have expired. What is committed stays, and the rest "
        "follows after the next start. Check them with `aws sts get-caller-identity`, renew them, and start again."
    )


def unanswered(error: Exception, doing: str) -> ServiceUnavailable | Fatal:
    """Translate one of `NO_ANSWER`: the service did not answer, or there were no credentials to ask it with."""
    if isinstance(error, _NOT_SET_UP):
        return Misconfigured(f"{doing}: {error}. {SET_CREDENTIALS}")
    return ServiceUnavailable(f"{doing}: {error}")


@dataclass(frozen=True)
class AwsAccess:
    """Region, credentials and endpoint, so that DuckDB's httpfs reaches the same S3 as boto3."""

    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    endpoint_url: str | None = None

    @property
    def endpoint_host(self) -> str | None:
        """Return `host:port` of a custom endpoint, None for AWS itself."""
        return urlsplit(self.endpoint_url).netloc if self.endpoint_url else None

    @property
    def use_ssl(self) -> bool:
        """Return whether the endpoint uses TLS."""
        return not (self.endpoint_url or "").startswith("http://")


def _uses_localstack() -> bool:
    return os.environ.get("USE_LOCALSTACK", "").strip().lower() in {"1", "true"}


def endpoint_url(service: str) -> str | None:
    """Return the URL of a service, None for AWS itself."""
    for variable in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
        if url := os.environ.get(variable, "").strip():
            return url
    if not _uses_localstack():
        return None
    from localstack_client.config import get_service_endpoint  # noqa: PLC0415 - it loads boto3

    endpoint: str | None = get_service_endpoint(service)
    return endpoint


def _session() -> "boto3.Session":
    import boto3  # noqa: PLC0415 - it takes a while to load, and a lake on a laptop needs no AWS

    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    if session.get_credentials() is None and _uses_localstack():
        # LocalStack accepts any credentials, and its users do not set any.
        session = boto3.Session("test", "test", region_name=session.region_name or DEFAULT_REGION)
    return session


def _config(service: str, *, read_timeout: float) -> Config:
    # Emulators serve one host name, so buckets are in the path; AWS itself wants them in the host name.
    return Config(
        connect_timeout=5,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 4},
        s3={"addressing_style": "path" if endpoint_url(service) else "auto"},
        user_agent_extra="billstream",
    )


def s3_client() -> "S3Client":
    """Return a client for S3."""
    session = _session()
    return session.client(
        "s3",
        region_name=session.region_name or DEFAULT_REGION,
        endpoint_url=endpoint_url("s3"),
        config=_config("s3", read_timeout=60),
    )


def sqs_client() -> "SQSClient":
    """Return a client for SQS; its read time-out is longer than the longest long poll (20 s)."""
    session = _session()
    return session.client(
        "sqs",
        region_name=session.region_name or DEFAULT_REGION,
        endpoint_url=endpoint_url("sqs"),
        config=_config("sqs", read_timeout=30),
    )


def cloudwatch_client() -> Any:  # noqa: ANN401 - its types are not installed for one call
    """Return a client for CloudWatch, for questions whose answer can be done without: it gives up after seconds."""
    session = _session()
    return session.client(
        "cloudwatch",
        region_name=session.region_name or DEFAULT_REGION,
        endpoint_url=endpoint_url("cloudwatch"),
        config=Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1}),
    )


def s3_access() -> AwsAccess:
    """Return region, endpoint and the current credentials, for DuckDB's own S3 client.

    Raises:
        Fatal: no AWS credentials are configured.
    """
    session = _session()
    credentials = session.get_credentials()
    if credentials is None:
        raise Misconfigured(f"The data path is on S3, but no AWS credentials were found. {SET_CREDENTIALS}")
    # Those of a role expire, and DuckDB renews nothing: `Storage.prepare` asks again before each write.
    frozen = credentials.get_frozen_credentials()
    return AwsAccess(
        region=session.region_name or DEFAULT_REGION,
        access_key=frozen.access_key or "",
        secret_key=frozen.secret_key or "",
        session_token=frozen.token,
        endpoint_url=endpoint_url("s3"),
    )
