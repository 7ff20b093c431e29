"""AWS: one session a process, its clients, what their errors mean, and the same endpoints for DuckDB's S3 client."""

from billstream.common.aws.access import AwsAccess, s3_access
from billstream.common.aws.errors import (
    CREDENTIALS_REFUSED,
    NO_ANSWER,
    SET_CREDENTIALS,
    TRUST,
    code_of,
    credentials_refused,
    not_renewed,
    status_of,
    unanswered,
)
from billstream.common.aws.place import account, region_of, whereabouts
from billstream.common.aws.session import DEFAULT_REGION, cloudwatch_client, renew, s3_client, sns_client, sqs_client

__all__ = [
    "CREDENTIALS_REFUSED",
    "DEFAULT_REGION",
    "NO_ANSWER",
    "SET_CREDENTIALS",
    "TRUST",
    "AwsAccess",
    "account",
    "cloudwatch_client",
    "code_of",
    "credentials_refused",
    "not_renewed",
    "region_of",
    "renew",
    "s3_access",
    "s3_client",
    "sns_client",
    "sqs_client",
    "status_of",
    "unanswered",
    "whereabouts",
]
