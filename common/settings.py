"""The one settings object: read once at start from the environment, frozen, each field with its sentence.

The README's table of settings is generated from this class (`billstream settings --markdown`), and a test
compares the two.
"""

from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from billstream.common.errors import Fatal

MEBIBYTE = 1024 * 1024


class RemovalPolicy(StrEnum):
    """What an `ObjectRemoved` event does to the rows of the object."""

    RETRACT = "retract"
    KEEP = "keep"


class DuplicatePolicy(StrEnum):
    """What happens to an object whose content is in force under another key already."""

    WARN = "warn"
    SKIP = "skip"
    LOAD = "load"


class LogFormat(StrEnum):
    """How log events are written to standard error."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class Settings(BaseSettings):
    """Everything that can be configured, from `BILLSTREAM_*` environment variables."""

    model_config = SettingsConfigDict(
        env_prefix="BILLSTREAM_",
        env_ignore_empty=True,  # compose files and shells set a variable to nothing and mean: not at all
        frozen=True,
        extra="ignore",
    )

    home: Path = Field(
        Path("var"),
        description="Folder of the embedded default: catalog, data, insights and spool live under it unless set apart.",
    )
    catalog: SecretStr | None = Field(
        None,
        description="The DuckLake catalog: a file path (SQLite) or `postgresql://user:password@host:port/database`. "
        "Default: `catalog.sqlite` under the home.",
    )
    data_path: str | None = Field(
        None,
        description="Where the lake's Parquet files live: a folder or `s3://bucket/prefix/`. "
        "Default: `data` under the home. Fixed once the lake is made.",
    )
    insights_dir: Path | None = Field(
        None, description="Where the aggregator publishes insights. Default: `insights` under the home."
    )
    spool_dir: Path | None = Field(
        None,
        description="Local scratch space for objects being loaded. Default: `spool` under the home. "
        "Safe to lose at any time.",
    )
    profiles_dir: Path | None = Field(
        None, description="Folder with profiles of your own (`*.toml`); they are tried before the built-in ones."
    )
    exports_dir: Path | None = Field(
        None, description="Folder with export layouts of your own (`*.toml`); they are tried before the built-in ones."
    )
    export_layouts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("all",),
        min_length=1,
        description="Comma-separated names of the export layouts in use: their parts are loaded when a manifest says "
        "that the delivery is complete. `all`, or `none`.",
    )

    queue_url: str | None = Field(
        None, description="URL of the SQS queue to consume. Default: the URL of the queue named by the next setting."
    )
    queue_name: str = Field(
        "billstream",
        description="Name of the queue; `billstream init --aws` makes it and its dead-letter queue, `<name>-dlq`.",
    )
    bucket: str = Field(
        "billing", description="The S3 bucket that billing files land in; `billstream init --aws` makes it."
    )
    include: Annotated[tuple[str, ...], NoDecode] = Field(
        ("*.csv", "*.csv.gz", "*.csv.zst", "*.csv.bz2", "*.csv.xz", "*.tsv", "*.tsv.gz", "*.zip", "*.parquet"),
        min_length=1,
        description="Comma-separated shell patterns of the keys that are billing files; others are acknowledged "
        "and counted.",
    )
    on_removed: RemovalPolicy = Field(
        RemovalPolicy.RETRACT,
        description="What happens to an object's rows when it is removed from the bucket: `retract` or `keep`.",
    )

    on_duplicate_content: DuplicatePolicy = Field(
        DuplicatePolicy.WARN,
        description="What happens to an object whose content is loaded under another key already: `warn` loads and "
        "reports it, `skip` does not load it, `load` loads it without a word.",
    )
    breaker_consecutive: int = Field(
        25,
        ge=0,
        description="The consumer stops when so many objects in a row cannot be loaded; 0 never stops it.",
    )
    breaker_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="The consumer stops when more than this share of the last 100 objects cannot be loaded; "
        "1 never stops it.",
    )

    poll_seconds: int = Field(
        5,
        ge=0,
        le=20,
        description="How long one receive waits for a message; also how long a stop may take to be heard.",
    )
    batch_files: int = Field(200, ge=1, le=5000, description="A micro-batch is committed at this many files,")
    batch_bytes: int = Field(256 * MEBIBYTE, ge=1, description="or at this many bytes of objects,")
    batch_seconds: float = Field(
        2.0, gt=0, le=300, description="or when its first message has waited this many seconds."
    )
    max_receives: int = Field(
        12,
        ge=1,
        le=1000,
        description="After this many receives of one message SQS moves it to the dead-letter queue "
        "(used by `init --aws`).",
    )

    sweep_seconds: float = Field(
        0,
        ge=0,
        description="Seconds between two sweeps of a running consumer: it lists the bucket and settles what no "
        "notification told of. 0 never does; one consumer of a fleet is enough.",
    )
    grace_seconds: float = Field(
        30.0,
        ge=0,
        description="After SIGTERM, what is open may take so many seconds more; then it is abandoned, and comes again.",
    )
    aggregate_seconds: float = Field(
        15.0, gt=0, description="Seconds between two refreshes of aggregates and insights."
    )

    memory_limit: str = Field(
        "2GB", pattern=r"^\d+(\.\d+)?\s?[KMGT]i?B$", description="How much memory DuckDB may use in one process."
    )
    threads: int = Field(0, ge=0, description="Threads DuckDB may use in one process; 0 means one for each core.")
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="`debug`, `info`, `warning` or `error`."
    )
    log_format: LogFormat = Field(
        LogFormat.AUTO,
        description="`json`, `console`, or `auto`: JSON unless standard error is a terminal.",
    )

    @cached_property
    def catalog_url(self) -> str:
        """The catalog with its default filled in. May hold a password: never log it."""
        if self.catalog is None:
            return str(self.home / "catalog.sqlite")
        return self.catalog.get_secret_value()

    @cached_property
    def data_location(self) -> str:
        """The data path with its default filled in."""
        return self.data_path or str(self.home / "data")

    @cached_property
    def insights(self) -> Path:
        """The folder of the published insights."""
        return self.insights_dir or self.home / "insights"

    @cached_property
    def spool(self) -> Path:
        """The folder for objects being loaded."""
        return self.spool_dir or self.home / "spool"

    @field_validator("include", "export_layouts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    def includes(self, key: str) -> bool:
        """Whether a key is one of a billing file."""
        name = key.casefold()
        return not key.endswith("/") and any(fnmatchcase(name, pattern.casefold()) for pattern in self.include)

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the environment.

        Raises:
            Fatal: a variable has a value that is not understood; the text names each of them.
        """
        try:
            return cls()
        except ValidationError as error:
            lines = [
                f"BILLSTREAM_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False)
            ]
            raise Fatal("The configuration is not usable:\n  " + "\n  ".join(lines)) from None
