"""The account and the region in which something was looked for: half of the reasons why it was not found."""

from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from billstream.common.aws.errors import NO_ANSWER
from billstream.common.aws.session import DEFAULT_REGION, client, login
from billstream.common.errors import BillstreamError


def account() -> str | None:
    """Return the 12 digits of the account of our credentials, as far as they tell. For error messages only."""
    brief: dict[str, Any] = {"connect_timeout": 2, "retries": {"total_max_attempts": 1}}
    with suppress(BillstreamError, ClientError, *NO_ANSWER):
        current = login()
        credentials = current.session.get_credentials()
        if known := getattr(credentials, "account_id", None):
            return str(known)
        return str(client(current, "sts", read_timeout=2, **brief).get_caller_identity()["Account"])
    return None


def whereabouts() -> str:
    """Return "account A in region R" of our credentials, for error messages; "region R" if the account is unknown."""
    try:
        region = login().session.region_name or DEFAULT_REGION
    except BillstreamError:
        return "an unknown account"
    known = account()
    return f"account {known} in region {region}" if known else f"region {region}"


def region_of(s3: Any, bucket: str) -> str | None:  # noqa: ANN401 - a client of S3
    """Return the region of a bucket, None if S3 does not tell. For error messages only."""
    try:
        answer = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        answer = error.response
    except NO_ANSWER:
        return None
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region: str | None = headers.get("x-amz-bucket-region")
    return region
