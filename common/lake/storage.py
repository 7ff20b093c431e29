"""The data path of a lake: a local folder or an S3 prefix with its Parquet files."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from operator import methodcaller
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import duckdb
import structlog
from botocore.exceptions import ClientError

from billstream.common import aws
from billstream.common.errors import (
    BillstreamError,
    CatalogUnavailable,
    Fatal,
    Misconfigured,
    ServiceUnavailable,
)
from billstream.common.ids import new_id
from billstream.common.lake.catalog import literal
from billstream.common.lake.damage import data_damaged
from billstream.common.lake.data_path import CredentialsRenewed, DataPathRefused, advice
from billstream.common.lake.local_storage import LocalStorage
from billstream.common.lake.s3_sql import secret_sql, settings_sql
from billstream.common.lake.tables import folder_of

log = structlog.get_logger(__name__)

NOWHERE = aws.AwsAccess("nowhere", "none", "none", endpoint="127.0.0.1:1", url_style="path", use_ssl=False)
PROBE = "probe-"  # the first part of the name of the file with which the data path is tried


class Storage(Protocol):
    """The data path of a lake."""

    @property
    def location(self) -> str:
        """Return DuckLake's DATA_PATH; it ends with a slash."""

    @property
    def extensions(self) -> Sequence[str]:
        """Return the DuckDB extensions that are needed to reach it."""

    def prepare(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make it reachable from `con`. Call it again before each write, as credentials may have been renewed."""

    def sealed(self, con: duckdb.DuckDBPyConnection, since: float) -> AbstractContextManager[None]:
        """Protect files that were written after `since` (Unix time in seconds) from removal, during a COMMIT.

        DuckLake removes the files of a transaction whose COMMIT fails. A lost reply is such a failure, although the
        server may have committed; then the newest snapshot would refer to files that are gone, and the tables could no
        longer be read. A commit that was really refused leaves a few small files behind that no snapshot refers to.
        """

    def refused(self, con: duckdb.DuckDBPyConnection, error: DataPathRefused) -> BillstreamError:
        """Explain a refusal of the data path.

        Returns:
            `DataDamaged` for a lost file; `CredentialsRenewed` after fresh credentials were taken; else `Fatal`, with
            what to do.
        """

    def sync(self, paths: Sequence[str]) -> None:
        """Return when these staged files would survive a power cut, as would their names in their folders."""

    def sync_written(self, since: float) -> None:
        """Do the same for the files that DuckLake itself has written after `since` (Unix time in seconds)."""

    def written(self, path: str, scratch: Path) -> AbstractContextManager[Path]:
        """Return a context with a path on this host where a staged file is written; it is stored when the context ends.

        Nothing is stored where nothing was written, or where the context fails.

        Args:
            path: see `staging_path`.
            scratch: a folder of this process.
        """

    def discard(self, path: str) -> None:
        """Remove a staged file that no commit has added. Never raises: one that is left is cleaned up later."""

    def remove(self, path: str) -> None:
        """Remove a file.

        Raises:
            Fatal: that is not allowed.
            ServiceUnavailable: no answer.
        """

    def staging_path(self, name: str, table: str) -> str:
        """Return the path of a new Parquet file of a table."""

    def connect_sql(self) -> list[str]:
        """Return the statements with which another program reaches it; placeholders stand for secrets."""


@dataclass
class S3Storage:
    """A prefix in an S3 bucket."""

    url: str
    _access: aws.AwsAccess | None = field(default=None, repr=False)

    @property
    def location(self) -> str:
        """Return the prefix as a URL."""
        return self.url.rstrip("/") + "/"

    @property
    def extensions(self) -> Sequence[str]:
        """Return DuckDB's client of S3."""
        return ("httpfs",)

    @property
    def bucket(self) -> str:
        """Return the name of the bucket."""
        return urlsplit(self.url).netloc

    def prepare(self, con: duckdb.DuckDBPyConnection) -> None:
        """Give boto3's credentials and endpoint to DuckDB, again whenever they change."""
        access = aws.s3_access(self.bucket)
        if access == self._access:
            return
        # Creating a secret is not free, and this runs before each write.
        for statement in [*settings_sql(access, self._access), secret_sql(access)]:
            con.execute(statement)
        self._access = access

    def refused(self, con: duckdb.DuckDBPyConnection, error: DataPathRefused) -> BillstreamError:
        """See `Storage`. A file that is not there, in a bucket that is, has nothing to do with credentials."""
        if error.lost and self._is_there(error.lost):
            return data_damaged(str(error))
        before = self._access
        try:
            self.prepare(con)
            if self._access != before or aws.renew():
                self.prepare(con)
                log.warning("data_path_refused", reason=str(error), consequence="once more with fresh credentials")
                return CredentialsRenewed(f"{error} Fresh credentials were taken, for one more attempt.")
        except (ServiceUnavailable, Misconfigured) as problem:
            return CatalogUnavailable(f"{error} Fresh credentials are not to be had now: {problem}")
        access = self._access or NOWHERE
        where = f"the bucket {self.bucket} in region {access.region} at {access.endpoint}"
        what = f"S3 refuses the data path {self.location}, {where}"
        return Misconfigured(f"{error} {what}. {advice(error, self.location, access.region)}")

    def _is_there(self, url: str) -> bool:
        """Return whether the bucket of a URL answers: then only the file is missing."""
        try:
            aws.s3_client().head_bucket(Bucket=urlsplit(url).netloc if url.startswith("s3://") else self.bucket)
        except (ClientError, BillstreamError, *aws.NO_ANSWER):
            return False
        return True

    @contextmanager
    def sealed(self, con: duckdb.DuckDBPyConnection, since: float) -> Iterator[None]:  # noqa: ARG002 - the port's form
        """See `Storage`. A COMMIT reads and writes no data files, so DuckDB gets an endpoint where nothing answers."""
        with con.cursor() as aside:  # the removal does not see changes of the open transaction
            aside.execute(secret_sql(NOWHERE))
            # The removal must fail at once, and not after DuckDB has tried four times.
            aside.execute("SET GLOBAL http_retries = 0")
            try:
                yield
            finally:
                aside.execute("RESET GLOBAL http_retries")
                aside.execute(secret_sql(self._access or aws.s3_access(self.bucket)))

    def sync(self, paths: Sequence[str]) -> None:
        """Do nothing: S3 answers when an object is stored."""

    def sync_written(self, since: float) -> None:
        """Do nothing: S3 answers when an object is stored."""

    @contextmanager
    def written(self, path: str, scratch: Path) -> Iterator[Path]:
        """See `Storage`.

        Raises:
            ServiceUnavailable: S3 does not answer, or not yet.
            Fatal: it refuses the object.
        """
        local = scratch / path.rpartition("/")[2]
        try:
            yield local
            if local.exists():
                bucket, _, key = path.removeprefix("s3://").partition("/")
                with local.open("rb") as content:  # in parts, where it is large
                    put = methodcaller("upload_fileobj", content, bucket, key)
                    self._answered(f"PUT {path}", "s3:PutObject", put)
        finally:
            local.unlink(missing_ok=True)

    def discard(self, path: str) -> None:
        """Delete the object; if that fails, the clean-up of orphaned files deletes it later."""
        try:
            self.remove(path)
        except (ServiceUnavailable, Fatal) as error:
            log.warning("staged_file_left", path=path, reason=str(error))

    def remove(self, path: str) -> None:
        """Delete the object."""
        bucket, _, key = path.removeprefix("s3://").partition("/")
        self._answered(f"DELETE {path}", "s3:DeleteObject", methodcaller("delete_object", Bucket=bucket, Key=key))

    def _answered(self, doing: str, action: str, request: Callable[[Any], object]) -> None:
        """Send a request to S3, and translate its failures.

        Args:
            doing: the request, for people.
            action: the permission that it needs.
            request: sends it by boto3's client, which is made here: that may fail as well.
        """
        try:
            request(aws.s3_client())
        except ClientError as error:
            status = aws.status_of(error)
            if waiting := aws.not_renewed(error, doing):
                raise waiting from error
            if status in {0, 429} or status >= 500:  # noqa: PLR2004 - HTTP
                raise ServiceUnavailable(f"{doing}: the data path does not answer. {error}") from error
            raise Misconfigured(f"{doing}: {error}. Grant {action} on {self.location}*.") from error
        except aws.NO_ANSWER as error:
            raise aws.unanswered(error, doing, "the data path does not answer. ") from error

    def staging_path(self, name: str, table: str) -> str:
        """Return a URL under the prefix of the table."""
        return f"{self.location}{folder_of(table)}/{name}.parquet"

    def connect_sql(self) -> list[str]:
        """Return the secret with our region and endpoint, and without our keys."""
        access = aws.s3_access(self.bucket)
        token = "<session token>" if access.session_token else None
        return [secret_sql(replace(access, access_key="<access key>", secret_key="<secret key>", session_token=token))]  # noqa: S106 - placeholders


def probe(storage: Storage, con: duckdb.DuckDBPyConnection) -> None:
    """Write, read and remove one file on the data path, so that a mistake shows before anything depends on it.

    Raises:
        duckdb.Error: it cannot be written or read.
        Fatal, ServiceUnavailable: it cannot be removed.
    """
    path = f"{storage.location}{PROBE}{new_id()}.parquet"
    con.execute(f"COPY (SELECT 1 AS written) TO {literal(path)} (FORMAT parquet)")
    try:
        con.execute(f"SELECT written FROM read_parquet({literal(path)})").fetchall()
    finally:
        storage.remove(path)


def storage_from(location: str) -> Storage:
    """Return the storage that `BILLSTREAM_DATA_PATH` names."""
    return S3Storage(location) if location.startswith("s3://") else LocalStorage(Path(location))
