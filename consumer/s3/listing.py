"""What a bucket holds now, page by page, as S3 lists it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from billstream.common.aws import CREDENTIALS_REFUSED, NO_ANSWER, unanswered
from billstream.common.errors import Fatal, ServiceUnavailable
from billstream.consumer.events import EventKind, ObjectEvent, ObjectVersion
from billstream.consumer.s3.errors import code_of, is_transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef, PaginatorConfigTypeDef


@dataclass(frozen=True)
class ListedObject:
    """The current version of one object, as the listing has it. `etag` is without quotes."""

    bucket: str
    key: str
    etag: str
    size_bytes: int
    modified: datetime

    @property
    def version(self) -> ObjectVersion:
        """The version, which the listing does not name by an id."""
        return ObjectVersion(None, self.etag, self.size_bytes)

    def created(self, event_name: str) -> ObjectEvent:
        """The event that would announce it. It has no sequencer: where it stands among others, only S3 can tell."""
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
        """Every object below `prefix`, at most `page_size` at a time, in the order of the keys' UTF-8 bytes.

        Raises:
            ServiceUnavailable: S3 does not answer as it should.
            Fatal: there is no such bucket, or we may not list it.
        """
        paginator = self.client.get_paginator("list_objects_v2")
        size: PaginatorConfigTypeDef = {"PageSize": self.page_size}
        try:
            for page in paginator.paginate(Bucket=self.name, Prefix=prefix, PaginationConfig=size):
                yield [self._listed(content) for content in page.get("Contents", [])]
        except ClientError as error:
            raise self._explained(error) from error
        except NO_ANSWER as error:
            raise unanswered(error, f"listing the bucket {self.name}") from error

    def _listed(self, content: "ObjectTypeDef") -> ListedObject:
        modified = content["LastModified"].astimezone(UTC)
        return ListedObject(self.name, content["Key"], content["ETag"].strip('"'), content["Size"], modified)

    def _explained(self, error: ClientError) -> ServiceUnavailable | Fatal:
        code = code_of(error)
        if is_transient(error):
            return ServiceUnavailable(f"listing the bucket {self.name}: {code}")
        if code in CREDENTIALS_REFUSED:
            return Fatal(f"listing the bucket {self.name}: {code}. The AWS credentials are wrong or have expired.")
        if code == "NoSuchBucket":
            return Fatal(f"There is no bucket {self.name}. Set BILLSTREAM_BUCKET to the bucket of the billing files.")
        return Fatal(f"The bucket {self.name} cannot be listed: {code}. It takes the permission s3:ListBucket.")
