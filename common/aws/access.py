"""Credentials and endpoint of one bucket, so that DuckDB's S3 client reaches the same S3 as boto3."""

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from urllib3 import HTTPResponse

from billstream.common.aws.errors import NO_ANSWER, NOT_RENEWED, SET_CREDENTIALS, unanswered
from billstream.common.aws.session import Login, client, login
from billstream.common.errors import Misconfigured, ServiceUnavailable

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials


@dataclass(frozen=True)
class Endpoint:
    """The answer of botocore to the question where the objects of a bucket are: the part of `AwsAccess` that stays."""

    endpoint: str
    url_style: str
    use_ssl: bool
    region: str
    ca_file: str
    proxy_url: str


@dataclass(frozen=True)
class AwsAccess:
    """Credentials and endpoint for one bucket, so that DuckDB's httpfs reaches the same S3 as boto3.

    `endpoint` is a host with its port and path, without the bucket; `url_style` is `vhost` or `path`, as DuckDB calls
    the two places of the bucket. `ca_file` and `proxy_url` are empty where there is none.
    """

    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    endpoint: str = "s3.amazonaws.com"
    url_style: str = "vhost"
    use_ssl: bool = True
    ca_file: str = ""
    proxy_url: str = field(default="", repr=False)


def s3_access(bucket: str) -> AwsAccess:
    """Return the current credentials and the endpoint of a bucket, for DuckDB's own S3 client.

    Raises:
        Misconfigured: no AWS credentials are configured, or see `s3_client`.
        ServiceUnavailable: they could not be renewed.
    """
    current = login()
    frozen = _credentials(current)
    if bucket not in current.endpoints:
        current.endpoints[bucket] = _endpoint(current, bucket)
    return AwsAccess(
        access_key=frozen.access_key or "",
        secret_key=frozen.secret_key or "",
        session_token=frozen.token,
        **vars(current.endpoints[bucket]),
    )


def _credentials(current: Login) -> "ReadOnlyCredentials":
    """Return the credentials of this moment; botocore has renewed them if they were about to expire."""
    doing = "renewing the AWS credentials"
    try:
        credentials = current.session.get_credentials()
        if credentials is None:
            raise Misconfigured(f"The data path is on S3, but no AWS credentials were found. {SET_CREDENTIALS}")
        return credentials.get_frozen_credentials()
    except ClientError as error:
        raise ServiceUnavailable(f"{doing}: {error}") from error
    except NO_ANSWER as error:
        raise unanswered(error, doing) from error


def _endpoint(current: Login, bucket: str) -> Endpoint:
    """Ask botocore where it would send a request about a bucket; nothing is sent.

    FIPS, dual-stack, partitions, buckets with dots, and endpoints of every source are its business: what counts is the
    request that comes out.
    """
    sent: list[Any] = []

    def instead_of_sending(request: Any, **_: object) -> AWSResponse:  # noqa: ANN401 - botocore's
        sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), HTTPResponse(BytesIO(), preload_content=False))

    asking = client(current, "s3", read_timeout=60)
    asking.meta.events.register("before-send.s3.HeadObject", instead_of_sending)
    try:
        asking.head_object(Bucket=bucket, Key="k")
    except NOT_RENEWED as error:
        raise unanswered(error, f"looking for the bucket {bucket}") from error
    except BotoCoreError as error:  # such as a name that no bucket can have
        raise Misconfigured(
            f"The bucket {bucket!r} cannot be reached: {error}. Correct BILLSTREAM_DATA_PATH."
        ) from error
    url = urlsplit(sent[0].url)
    in_host = url.netloc.startswith(f"{bucket}.")
    host = url.netloc.removeprefix(f"{bucket}.") if in_host else url.netloc
    if host.startswith("s3.dualstack.") and not url.port:
        host += ":443"  # DuckDB replaces a host of AWS by the region's usual one, unless there is a port
    path = url.path.removesuffix("/k") if in_host else url.path.removesuffix(f"/{bucket}/k")
    # AWS4-HMAC-SHA256 Credential=KEY/DAY/REGION/s3/aws4_request, ...
    signed = str(sent[0].headers.get("Authorization", b""), "ascii").partition("Credential=")[2].split("/")
    verify = asking._endpoint.http_session._verify  # noqa: SLF001 - the only place that knows every source of it
    return Endpoint(
        endpoint=host + path,
        url_style="vhost" if in_host else "path",
        use_ssl=url.scheme == "https",
        region=signed[2] if len(signed) > 2 else asking.meta.region_name,  # noqa: PLR2004 - the parts above
        ca_file=str(get_cert_path(verify)) if url.scheme == "https" else "",
        proxy_url=get_environ_proxies(url.geturl()).get(url.scheme, ""),
    )
