"""The listing of a bucket, page by page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from billstream.common.aws import (
    CREDENTIALS_REFUSED,
    NO_ANSWER,
    code_of,
    credentials_refused,
    not_renewed,
    unanswered,
    whereabouts,
)
from billstream.common.errors import Misconfigured, ServiceUnavailable
from billstream.common.metrics.health import HEALTH
from billstream.consumer.events import EventKind, ObjectEvent, ObjectVersion
from billstream.consumer.s3.errors import is_transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef, PaginatorConfigTypeDef


@dataclass(frozen=True)
class ListedObject:
    """The current version of one object in a listing. `etag` is without quotes."""

    bucket: str
    key: str
    etag: str
    size_bytes: int
    modified: datetime

    @property
    def version(self) -> ObjectVersion:
        """The version; a listing has no version id."""
        return ObjectVersion(None, self.etag, self.size_bytes)

    def created(self, event_name: str) -> ObjectEvent:
        """Return the event that would announce the object. It has no sequencer: a listing has no order of events."""
        return ObjectEvent(
            kind=EventKind.CREATED,
            bucket=self.bucket,
            key=self.key,
            event_name=event_name,
            etag=self.etag,
            size_bytes=self.size_bytes,
            event_time=self.modified,
        )


@dataclass(frozen=True)
class Bucket:
    """A bucket that can be listed."""

    client: "S3Client"
    name: str
    page_size: int = 1000  # S3's own limit

    def pages(self, prefix: str = "") -> Iterator[list[ListedObject]]:
        """Yield every object below `prefix`, at most `page_size` at a time, in the order of the keys' UTF-8 bytes.

        Raises:
            ServiceUnavailable: S3 does not answer, or not as it should.
            Fatal: there is no such bucket, or a permission is missing.
        """
        doing = f"listing the bucket {self.name}"
        paginator = self.client.get_paginator("list_objects_v2")
        size: PaginatorConfigTypeDef = {"PageSize": self.page_size}
        try:
            for page in paginator.paginate(Bucket=self.name, Prefix=prefix, PaginationConfig=size):
                HEALTH.moved()  # a large bucket takes longer than a process may stand still
                yield [self._listed(content) for content in page.get("Contents", [])]
        except ClientError as error:
            code = code_of(error)
            if waiting := not_renewed(error, doing):
                raise waiting from error
            # A throttled page is asked for again by botocore; here its attempts are used up.
            if is_transient(error):
                raise ServiceUnavailable(f"{doing}: {code}") from error
            if code in CREDENTIALS_REFUSED:
                raise credentials_refused(doing, code) from error
            if code == "NoSuchBucket":
                raise Misconfigured(
                    f"There is no bucket {self.name}, so nothing was listed; asked as {whereabouts()}. "
                    "Set BILLSTREAM_BUCKET to the bucket of the billing files."
                ) from error
            raise Misconfigured(
                f"The bucket {self.name} cannot be listed: {code}; asked as {whereabouts()}. "
                "Grant the permission s3:ListBucket on it."
            ) from error
        except NO_ANSWER as error:
            raise unanswered(error, doing) from error

    def _listed(self, content: "ObjectTypeDef") -> ListedObject:
        modified = content["LastModified"].astimezone(UTC)
        return ListedObject(self.name, content["Key"], content["ETag"].strip('"'), content["Size"], modified)
