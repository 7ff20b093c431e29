"""The data path of a lake: a local folder or an S3 prefix with its Parquet files."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol
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
    NoRoom,
    ServiceUnavailable,
)
from billstream.common.ids import new_id
from billstream.common.lake.catalog import literal
from billstream.common.lake.data_path import CredentialsRenewed, DataPathRefused, advice
from billstream.common.lake.s3_sql import secret_sql, settings_sql
from billstream.common.places import make_private, usable
from billstream.common.scratch import remove_leftovers, scratch_folder

log = structlog.get_logger(__name__)

CHARGES_FOLDER = "main/charges"  # DuckLake's own layout: schema, then table
OF_DUCKLAKE = "ducklake-*.parquet"  # the files that DuckLake names itself
CLOCKS_DIFFER = 60.0  # seconds by which the clock of a file server may be behind ours
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
            `CredentialsRenewed` after fresh credentials were taken; else `Fatal`, with what to do.
        """

    def sync(self, paths: Sequence[str]) -> None:
        """Return when these staged files would survive a power cut, as would their names in their folders."""

    def sync_written(self, since: float) -> None:
        """Do the same for the files that DuckLake itself has written after `since` (Unix time in seconds)."""

    def discard(self, path: str) -> None:
        """Remove a staged file that no commit has added. Never raises: one that is left is cleaned up later."""

    def remove(self, path: str) -> None:
        """Remove a file.

        Raises:
            Fatal: that is not allowed.
            ServiceUnavailable: no answer.
        """

    def staging_path(self, name: str) -> str:
        """Return the path of a new Parquet file of the table `charges`."""

    def connect_sql(self) -> list[str]:
        """Return the statements with which another program reaches it; placeholders stand for secrets."""


@dataclass(frozen=True)
class LocalStorage:
    """A folder, shared by the processes of one host."""

    folder: Path
    _known: set[Path] = field(default_factory=set, compare=False, repr=False)  # folders whose own names are on the disk

    @property
    def location(self) -> str:
        """Return the absolute path."""
        return f"{self.folder.absolute()}/"

    @property
    def extensions(self) -> Sequence[str]:
        """Return no extension."""
        return ()

    def prepare(self, con: duckdb.DuckDBPyConnection) -> None:  # noqa: ARG002 - the port's form
        """Create the folder, and restore files that a process protected before it died in a commit."""
        with usable(self.folder, "the lake's data", "BILLSTREAM_DATA_PATH"):
            make_private(self.folder / CHARGES_FOLDER)
        remove_leftovers(self._keepsakes, rescue=self._put_back)

    @contextmanager
    def sealed(self, con: duckdb.DuckDBPyConnection, since: float) -> Iterator[None]:  # noqa: ARG002 - the port's form
        """See `Storage`. A hard link protects each file, so that it can be restored."""
        # A folder of this process: when it dies in the COMMIT, the next process restores the files from it.
        with scratch_folder(self._keepsakes, "commit", "BILLSTREAM_DATA_PATH") as folder:
            for path in self._written(since - CLOCKS_DIFFER):
                keepsake = folder / path.relative_to(self.folder)
                keepsake.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):  # another process has removed its own file
                    keepsake.hardlink_to(path)
            try:
                yield
            finally:
                self._put_back(folder)

    @property
    def _keepsakes(self) -> Path:
        return self.folder / "sealed"

    def _put_back(self, folder: Path) -> None:
        for keepsake in folder.rglob(OF_DUCKLAKE):
            with suppress(FileExistsError):
                (self.folder / keepsake.relative_to(folder)).hardlink_to(keepsake)

    def _written(self, since: float) -> Iterator[Path]:
        """Yield the files that DuckLake itself wrote after a time."""
        for path in (self.folder / "main").rglob(OF_DUCKLAKE):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime >= since:
                    yield path

    def refused(self, con: duckdb.DuckDBPyConnection, error: DataPathRefused) -> BillstreamError:  # noqa: ARG002
        """See `Storage`: S3 has nothing to do with a folder."""
        return error

    def sync(self, paths: Sequence[str]) -> None:
        """See `Storage`. Each file is synced, then each folder once."""
        try:
            for path in paths:
                with suppress(FileNotFoundError):  # another process has removed its own file
                    _fsync(Path(path))
            for folder in {Path(path).parent for path in paths}:
                _fsync(folder)
                self._sync_name(folder)
        except OSError as error:
            raise NoRoom(f"The disk of {self.folder} does not keep what is written: {error}") from error

    def sync_written(self, since: float) -> None:
        """See `Storage`. The files are found by their names, which begin with a time: none is opened that is older."""
        folders = [folder for folder in (self.folder.absolute() / "main").iterdir() if folder.is_dir()]
        recent = [folder for folder in folders if folder.stat().st_mtime >= since - CLOCKS_DIFFER]
        oldest = f"{int((since - CLOCKS_DIFFER) * 1000):012x}"
        self.sync([str(path) for folder in recent for path in folder.glob(OF_DUCKLAKE) if _written_at(path) >= oldest])

    def _sync_name(self, folder: Path) -> None:
        """Sync the folders above one that is new, up to the one that the data path is in."""
        while folder not in self._known and folder.is_relative_to(self.folder.absolute()):
            self._known.add(folder)
            folder = folder.parent
            _fsync(folder)

    def discard(self, path: str) -> None:
        """Delete the file."""
        self.remove(path)

    def remove(self, path: str) -> None:
        """Delete the file."""
        Path(path).unlink(missing_ok=True)

    def staging_path(self, name: str) -> str:
        """Return a path in the folder of the table."""
        return f"{self.location}{CHARGES_FOLDER}/{name}.parquet"

    def connect_sql(self) -> list[str]:
        """Return no statement: a folder needs none."""
        return []


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
            return Fatal(
                f"{error} The data file {error.lost} is lost. `billstream verify` names the loads that were in it."
            )
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

    def discard(self, path: str) -> None:
        """Delete the object; if that fails, the clean-up of orphaned files deletes it later."""
        try:
            self.remove(path)
        except (ServiceUnavailable, Fatal) as error:
            log.warning("staged_file_left", path=path, reason=str(error))

    def remove(self, path: str) -> None:
        """Delete the object."""
        bucket, _, key = path.removeprefix("s3://").partition("/")
        doing = f"DELETE {path}"
        try:
            aws.s3_client().delete_object(Bucket=bucket, Key=key)
        except ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            if waiting := aws.not_renewed(error, doing):
                raise waiting from error
            if status in {0, 429} or status >= 500:  # noqa: PLR2004 - HTTP
                raise ServiceUnavailable(f"{doing}: {error}") from error
            raise Misconfigured(f"{doing}: {error}. Grant s3:DeleteObject on {self.location}*.") from error
        except aws.NO_ANSWER as error:
            raise aws.unanswered(error, doing) from error

    def staging_path(self, name: str) -> str:
        """Return a URL under the prefix of the table."""
        return f"{self.location}{CHARGES_FOLDER}/{name}.parquet"

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


def _written_at(path: Path) -> str:
    """Return the time in a name that DuckLake makes, a UUID of version 7: milliseconds in 12 hexadecimal digits."""
    return path.name.removeprefix("ducklake-").replace("-", "")[:12]


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_from(location: str) -> Storage:
    """Return the storage that `BILLSTREAM_DATA_PATH` names."""
    return S3Storage(location) if location.startswith("s3://") else LocalStorage(Path(location))
