"""The meaning of boto3's errors that are not about one request: no answer, no credentials, credentials refused."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    LoginError,
    MetadataRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from billstream.common.errors import Fatal, Misconfigured, ServiceUnavailable

NO_ANSWER = (BotoCoreError, ResponseParserError, HTTPError)
"""Exceptions of boto3 for a missing or unreadable answer. A `ClientError` is an answer."""

CREDENTIALS_REFUSED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
"""Error codes by which AWS refuses the credentials themselves, whatever the request."""

SET_CREDENTIALS = "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or AWS_PROFILE, or attach a role."
"""The advice when no credentials are configured."""

NOT_SET_UP = (NoCredentialsError, NoRegionError, PartialCredentialsError)
NOT_RENEWED = (
    CredentialRetrievalError,
    LoginError,
    MetadataRetrievalError,
    NoAuthTokenError,
    SSOError,
    TokenRetrievalError,
)
# Calls that botocore makes by itself to get credentials: their errors arrive in the place of the call's own.
_CALLS_FOR_CREDENTIALS = frozenset(
    {
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
        "CreateOAuth2Token",
        "CreateToken",
        "GetCredentialsForIdentity",
        "GetRoleCredentials",
    }
)


def code_of(error: ClientError) -> str:
    """Return AWS's name of the error, such as `AccessDenied`, or its status, as `404`, where there is no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """Return the HTTP status; 0 for an answer without one."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def credentials_refused(doing: str, code: object) -> Fatal:
    """Return the error for a refusal whose code is one of `CREDENTIALS_REFUSED`."""
    return Misconfigured(
        f"{doing}: {code}. The AWS credentials are wrong or have expired. What is committed stays, and the rest "
        "follows after the next start. Check them with `aws sts get-caller-identity`, renew them, and start again."
    )


def unanswered(error: Exception, doing: str, silence: str = "") -> ServiceUnavailable | Fatal:
    """Translate one of `NO_ANSWER`: the service did not answer, or there was nothing to ask it with.

    Credentials that cannot be renewed are waited for: they were there when the session began.

    Args:
        error: what botocore raised.
        doing: the request, for people.
        silence: says who did not answer, with a space at its end, where `doing` does not.
    """
    if isinstance(error, NOT_SET_UP):
        return Misconfigured(f"{doing}: {error}. {SET_CREDENTIALS}")
    if isinstance(error, NOT_RENEWED):
        return ServiceUnavailable(f"{doing}: the AWS credentials could not be renewed: {error}")
    if isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Misconfigured(f"{doing}: {error}. {TRUST}")
    return ServiceUnavailable(f"{doing}: {silence}{error}")


TRUST = "Set AWS_CA_BUNDLE to a file with the certificate of the authority that signed the server's."
"""The advice when a server's certificate is not trusted."""


def not_renewed(error: ClientError, doing: str) -> ServiceUnavailable | None:
    """Return the error for a refusal that was no answer to our call, but to botocore's own for new credentials."""
    if error.operation_name not in _CALLS_FOR_CREDENTIALS:
        return None
    return ServiceUnavailable(f"{doing}: the AWS credentials could not be renewed: {error}")
