"""The public Python interface: a lake, opened for queries."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa
from pydantic import SecretStr

from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.lake.failures import translate
from billstream.common.lake.gate import one_select
from billstream.common.settings import Settings


class OpenLake:
    """A lake that is open for queries; a context manager that closes it. Not for use by two threads at a time.

    Attributes:
        connection: DuckDB with the lake attached as its default database, so tables need no prefix. Opened read-only,
            it reaches no file or URL outside the data path, and its settings are locked; its SQL is not checked as
            that of `query` is. `register` makes an Arrow table or a data frame a view.
        catalog: address of the catalog, without its password.
        data_path: folder or S3 prefix of the Parquet files.
    """

    def __init__(self, settings: Settings, *, read_only: bool) -> None:
        # A library leaves nothing behind in the current folder: what DuckDB spills goes to a folder that is removed.
        self._spill = tempfile.TemporaryDirectory(prefix="billstream-")
        try:
            self._lake = Lake.open(
                settings.model_copy(update={"spool_dir": Path(self._spill.name)}), read_only=read_only
            )
        except BaseException:
            self._spill.cleanup()
            raise
        self._closed = False
        self._read_only = read_only
        self.connection: duckdb.DuckDBPyConnection = self._lake.connection
        self.catalog: str = self._lake.catalog
        self.data_path: str = self._lake.data_path

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Return the result of a SELECT as an Arrow table: decimals stay decimals, times stay in UTC.

        Of a lake that is opened read-only, it runs what `billstream sql` runs: SQL from elsewhere may be passed to it.

        Args:
            sql: one statement, such as `SELECT * FROM daily_costs WHERE charge_day >= ?`.
            parameters: values for the question marks in it.

        Raises:
            BillstreamError: the statement may not be run here, DuckDB refuses it, or the catalog or the data path does
                not answer.
        """
        return self._lake.query(self._checked(sql) if self._read_only else sql, parameters)

    def _checked(self, sql: str) -> duckdb.Statement:
        try:
            return one_select(self.connection, sql)
        except duckdb.Error as error:
            raise translate(error, "checking a query") from error

    def close(self) -> None:
        """Close the connection and remove its temporary files; a second time does nothing."""
        if not self._closed:
            self._closed = True
            self._lake.close()
            self._spill.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_lake(
    lake: Settings | str | Path | None = None, *, data_path: str | None = None, read_only: bool = True
) -> OpenLake:
    """Open a lake for queries.

    Example:
        with billstream.open_lake("var") as lake:
            costs = lake.query("SELECT service_name, sum(billed_cost) AS cost FROM service_costs GROUP BY ALL")

    Args:
        lake: the home folder of a lake, the path of its SQLite catalog, the URL of its PostgreSQL catalog, or a
            `Settings` object. Default: the environment variables `BILLSTREAM_*`, as for the commands.
        data_path: folder or `s3://` prefix of the Parquet files. Default: `data` beside the SQLite catalog; for
            PostgreSQL, the environment variable `BILLSTREAM_DATA_PATH`.
        read_only: refuse every change of the lake. Leave it so: rows that are not written by a consumer or an
            aggregator are not protected against being counted twice.

    Returns:
        The open lake; use it in a `with` statement, or call its `close`.

    Raises:
        BillstreamError: there is no lake there, its schema is of another version, or it does not answer.
    """
    settings = lake if isinstance(lake, Settings) else _settings(lake, data_path)
    return OpenLake(settings, read_only=read_only)


def _settings(lake: str | Path | None, data_path: str | None) -> Settings:
    if lake is None:
        settings = Settings.from_environment()
        return settings.model_copy(update={"data_path": data_path}) if data_path else settings
    if str(lake).startswith(("postgresql://", "postgres://")):
        data_path = data_path or os.environ.get("BILLSTREAM_DATA_PATH")
        if not data_path:
            raise Fatal(
                "A lake on PostgreSQL does not tell where its data is. Pass data_path, such as s3://lake/data/."
            )
        return Settings(catalog=SecretStr(str(lake)), data_path=data_path)
    path = Path(str(lake).removeprefix("sqlite:///"))
    catalog = path / "catalog.sqlite" if path.is_dir() else path
    return Settings(catalog=SecretStr(str(catalog)), data_path=data_path or str(catalog.parent / "data"))
