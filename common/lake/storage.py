"""Where the lake's Parquet files live: a local folder or an S3 prefix."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import duckdb

from common import aws
from common.lake.catalog import literal

CHARGES_FOLDER = "main/charges"  # DuckLake's own layout: schema, then table


class Storage(Protocol):
    """The data path of a lake."""

    @property
    def location(self) -> str:
        """What DuckLake is told as DATA_PATH; ends with a slash."""

    def prepare(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make it reachable from `con`. Called again before each write, as credentials may have been renewed."""

    def discard(self, path: str) -> None:
        """Remove a staged file that no commit refers to."""

    def staging_path(self, name: str) -> str:
        """A path for a new Parquet file of the table `charges`."""


@dataclass(frozen=True)
class LocalStorage:
    """A folder, shared by the processes of one host."""

    folder: Path

    @property
    def location(self) -> str:
        """The absolute path."""
        return f"{self.folder.absolute()}/"

    def prepare(self, con: duckdb.DuckDBPyConnection) -> None:  # noqa: ARG002 - the port's form
        """Make the folder."""
        (self.folder / CHARGES_FOLDER).mkdir(parents=True, exist_ok=True)

    def discard(self, path: str) -> None:
        """Unlink the file."""
        Path(path).unlink(missing_ok=True)

    def staging_path(self, name: str) -> str:
        """A file in the folder of the table."""
        return f"{self.location}{CHARGES_FOLDER}/{name}.parquet"


@dataclass
class S3Storage:
    """A prefix in an S3 bucket."""

    url: str
    _access: aws.AwsAccess | None = field(default=None, repr=False)

    @property
    def location(self) -> str:
        """The prefix as a URL."""
        return self.url.rstrip("/") + "/"

    def prepare(self, con: duckdb.DuckDBPyConnection) -> None:
        """Hand boto3's credentials and endpoint to DuckDB, again whenever they have changed."""
        access = aws.s3_access()
        if access == self._access:
            return
        options = {"KEY_ID": access.access_key, "SECRET": access.secret_key, "REGION": access.region}
        if access.session_token:
            options["SESSION_TOKEN"] = access.session_token
        pairs = [f"{name} {literal(value)}" for name, value in options.items()]
        if access.endpoint_host:
            pairs += [f"ENDPOINT {literal(access.endpoint_host)}", "URL_STYLE 'path'", f"USE_SSL {access.use_ssl}"]
        con.execute(f"CREATE OR REPLACE SECRET billstream_data (TYPE s3, {_comma(pairs)})")
        self._access = access

    def discard(self, path: str) -> None:
        """Delete the object; an orphan that this cannot reach is left to the clean-up of orphaned files."""
        parts = urlsplit(path)
        aws.s3_client().delete_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))

    def staging_path(self, name: str) -> str:
        """An object under the prefix of the table."""
        return f"{self.location}{CHARGES_FOLDER}/{name}.parquet"


def _comma(parts: Sequence[str]) -> str:
    return ", ".join(parts)


def storage_from(location: str) -> Storage:
    """The storage that `BILLSTREAM_DATA_PATH` names."""
    return S3Storage(location) if location.startswith("s3://") else LocalStorage(Path(location))
