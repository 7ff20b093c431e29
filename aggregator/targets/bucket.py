"""A prefix of a bucket as a target: the objects first, `insights.json` last, and only if nobody else has published.

S3 replaces one object at a time and has no lock. So `insights.json` is the index of a publication: its metadata names
the ETags of the objects that belong to it, and it is replaced only while it is the one that was looked at before.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import ClientError

from billstream.aggregator.alerts.digest import DIGEST_NAME, digest_markdown, facts_of, lines_of_markdown
from billstream.aggregator.insights.values import Insights
from billstream.aggregator.pages.render import FILE_NAMES, JSON_NAME, render
from billstream.aggregator.targets.target import Mark, mark_of
from billstream.common import aws
from billstream.common.errors import Misconfigured, Retryable, ServiceUnavailable
from billstream.common.failpoints import failpoint

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OBJECTS = (DIGEST_NAME, *(name for name in FILE_NAMES if name != JSON_NAME))
"""The names before `insights.json`, in the order in which they are replaced."""

CACHE_CONTROL = "no-cache"
"""A browser or a CDN may keep an object, and asks S3 with its ETag before it shows it: an old page is never shown."""

CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
}
OURS = "billstream"  # the key of our metadata: an object without it is somebody else's
LOOK_SECONDS = 300.0
"""An object that somebody has removed is missed after so long, where nothing is published meanwhile."""

LARGEST_DIGEST = 1_000_000  # bytes
_MISSING = {"404", "NoSuchKey", "NotFound"}
_SUPERSEDED = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict", "NoSuchKey"}
_SERVER_ERROR = 500
_TOO_MANY = 429

log = structlog.get_logger(__name__)


@dataclass
class BucketTarget:
    """A prefix of a bucket, which exists. Its readers are those whom the policy of the bucket lets read."""

    url: str
    s3: "S3Client"
    _index: str | None = field(default=None, repr=False)  # ETag of the index that was looked at, "" for none
    _digest: list[str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.url

    @property
    def bucket(self) -> str:
        """Return the name of the bucket."""
        return self.url.removeprefix("s3://").partition("/")[0]

    def key(self, name: str) -> str:
        """Return the key of one of our objects."""
        prefix = self.url.removeprefix("s3://").partition("/")[2].strip("/")
        return f"{prefix}/{name}" if prefix else name

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Look at the target afresh. Nothing is held: of two that publish at once, the second notices and begins again.

        Raises:
            Retryable: S3 does not answer, or another process has published meanwhile.
            Fatal: a permission is missing, or there is no such bucket.
        """
        self._index = None
        try:
            yield
        except ClientError as error:
            raise self._translated(error) from error
        except aws.NO_ANSWER as error:
            raise aws.unanswered(error, f"publishing the insights to {self.url}") from error

    def published(self) -> Mark | None:
        """Return the mark of the published insights; None when an object is missing or not of this publication."""
        found = self._get(JSON_NAME)
        self._index = found["ETag"] if found else ""
        mark = mark_of(found["Body"].read()) if found else None
        if not found or mark is None:
            self._refuse_foreign_objects(found)
            return None
        belong = _etags(found.get("Metadata", {}))
        there = {name: (self._head(name) or {}).get("ETag", "").strip('"') for name in OBJECTS}
        return mark if there == belong else None

    def stamp(self) -> int:
        """Return a number that changes every `LOOK_SECONDS`: only requests can tell, and each costs money."""
        return int(time.monotonic() // LOOK_SECONDS)

    def digest(self) -> list[str]:
        """Return the lines of the published digest; none when there is none, or it cannot be read."""
        if self._digest is None:
            try:
                found = self._get(DIGEST_NAME)
                text = found["Body"].read(LARGEST_DIGEST).decode("utf-8") if found else ""
            except (ClientError, ValueError, *aws.NO_ANSWER):
                return []
            self._digest = lines_of_markdown(text)
        return self._digest

    def publish(self, insights: Insights) -> None:
        """Render all files, write the objects, then the index; a reader of the index finds what belongs to it."""
        if self._index is None:
            self._index = (self._head(JSON_NAME) or {}).get("ETag", "")
        with failpoint("render"):
            texts = {DIGEST_NAME: digest_markdown(facts_of(insights)), **render(insights)}
        with failpoint("publish"):
            written = {name: self._put(name, texts[name]) for name in OBJECTS}
            self._put_index(texts[JSON_NAME], {OURS: json.dumps(written, separators=(",", ":"))})
        self._digest = lines_of_markdown(texts[DIGEST_NAME])

    # -- requests ----------------------------------------------------------------------------------------

    def _put(self, name: str, text: str, metadata: Mapping[str, str] | None = None, **condition: str) -> str:
        """Store one object; return its ETag without quotes."""
        with failpoint("put"):
            answer = self.s3.put_object(
                Bucket=self.bucket,
                Key=self.key(name),
                Body=text.encode(),
                ContentType=CONTENT_TYPES[name.rpartition(".")[2]],
                CacheControl=CACHE_CONTROL,
                Metadata=dict(metadata or {OURS: "insights"}),
                **condition,  # type: ignore[arg-type]
            )
        return answer["ETag"].strip('"')

    def _put_index(self, text: str, metadata: Mapping[str, str]) -> None:
        condition = {"IfMatch": self._index} if self._index else {"IfNoneMatch": "*"}
        try:
            etag = self._put(JSON_NAME, text, metadata, **condition)
        except ClientError as error:
            if aws.code_of(error) != "NotImplemented":
                raise
            log.warning("publication_unconditional", target=self.url, reason="this S3 knows no conditional writes")
            etag = self._put(JSON_NAME, text, metadata)
        self._index = f'"{etag}"'

    def _get(self, name: str) -> Any:  # noqa: ANN401 - boto3's
        return self._unless_missing(self.s3.get_object, name)

    def _head(self, name: str) -> Any:  # noqa: ANN401 - boto3's
        return self._unless_missing(self.s3.head_object, name)

    def _unless_missing(self, request: Any, name: str) -> Any:  # noqa: ANN401 - boto3's
        try:
            return request(Bucket=self.bucket, Key=self.key(name))
        except ClientError as error:
            if aws.code_of(error) in _MISSING:
                return None
            raise

    def _refuse_foreign_objects(self, index: Mapping[str, Any] | None) -> None:
        """Refuse a prefix with objects of our names that we have not written.

        Raises:
            Misconfigured: see above; nothing was changed.
        """
        for name, found in [(JSON_NAME, index), *((name, self._head(name)) for name in OBJECTS)]:
            if found and OURS not in found.get("Metadata", {}):
                raise Misconfigured(
                    f"The insights cannot be published to {self.url}: its {name} is not one of ours, so it is left "
                    "as it is. Move it, or set BILLSTREAM_INSIGHTS_DIR to a prefix of its own."
                )

    def _translated(self, error: ClientError) -> Exception:
        doing = f"publishing the insights to {self.url}"
        code, status = aws.code_of(error), aws.status_of(error)
        if waiting := aws.not_renewed(error, doing):
            return waiting
        if code in _SUPERSEDED:
            return Retryable(f"{doing}: another process has published there meanwhile. Let one aggregator publish.")
        if code in aws.CREDENTIALS_REFUSED:
            return aws.credentials_refused(doing, code)
        if status in {0, _TOO_MANY} or status >= _SERVER_ERROR:
            return ServiceUnavailable(f"{doing}: {error}")
        return Misconfigured(
            f"{doing}: {error}. What was published there stays. Correct BILLSTREAM_INSIGHTS_DIR, or grant s3:GetObject "
            f"and s3:PutObject on {self.url.rstrip('/')}/*, and s3:ListBucket on the bucket {self.bucket}."
        )


def _etags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the ETags that an index names, by object; none where it names none."""
    try:
        named = json.loads(metadata.get(OURS, ""))
    except ValueError:
        return {}
    return {str(name): str(etag) for name, etag in named.items()} if isinstance(named, dict) else {}
