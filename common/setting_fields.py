"""Every setting, with a sentence, a default and an example.

The documented table of settings is generated from this class (`billstream settings --markdown`), and a test compares
the two.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from billstream.common.addresses import Address
from billstream.common.anomaly_limits import AnomalyLimits, AnomalyLimitsSetting
from billstream.common.policies import DuplicatePolicy, LogFormat, QualityPolicy, RemovalPolicy
from billstream.common.tag_keys import NO_TAG_KEYS, TagKeysSetting
from billstream.common.values import (
    AnyCase,
    Bytes,
    DataPath,
    Folder,
    LogLevel,
    Memory,
    Readers,
    Seconds,
    WholeSeconds,
)

MEBIBYTE = 1024 * 1024


def _names(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
"""A setting with several names, separated by commas."""


class SettingFields(BaseSettings):
    """Everything that can be configured, from `BILLSTREAM_*` environment variables."""

    model_config = SettingsConfigDict(
        env_prefix="BILLSTREAM_",
        env_ignore_empty=True,  # compose files and shells set a variable to nothing to mean that it is not set
        frozen=True,
        extra="ignore",
    )

    home: Folder = Field(
        Path("var"),
        description="Folder of a lake on one host; catalog, data, insights and spool are in it unless set "
        "separately. Example: `/var/lib/billstream`.",
    )
    catalog: SecretStr | None = Field(
        None,
        description="DuckLake catalog: the path of an SQLite file, or a PostgreSQL URL with libpq's options; what it "
        "leaves out comes from PGPASSWORD and the like. Default: `catalog.sqlite` in the home. Example: "
        "`postgresql://user:password@host:5432/database?sslmode=require`.",
    )
    data_path: DataPath | None = Field(
        None,
        description="Folder or S3 prefix of the lake's Parquet files; once it has some, move them and run `billstream "
        "relocate` to change it. Default: `data` in the home. Example: `s3://lake/data/`.",
    )
    insights_dir: DataPath | None = Field(
        None,
        description="Folder or S3 prefix that the aggregator writes insights to. Default: `insights` in the home. "
        "Example: `s3://lake/insights/`.",
    )
    insights_readers: AnyCase[Readers] = Field(
        Readers.EVERYONE,
        description="Accounts of this host that may read the insights, whatever the umask: `owner`, `group`, or "
        "`everyone`, such as a web server; everything else that is written is for its owner alone. Example: `group`.",
    )
    spool_dir: Folder | None = Field(
        None,
        description="Local folder for objects that are being loaded; its content may be deleted at any time. "
        "Default: `spool` in the home. Example: `/scratch/billstream`.",
    )
    profiles_dir: Folder | None = Field(
        None,
        description="Folder with profiles of your own (`*.toml`), tried before the built-in ones. Example: "
        "`/etc/billstream/profiles`.",
    )
    exports_dir: Folder | None = Field(
        None,
        description="Folder with export layouts of your own (`*.toml`), tried before the built-in ones. Example: "
        "`/etc/billstream/exports`.",
    )
    export_layouts: Names = Field(
        ("all",),
        min_length=1,
        description="Comma-separated names of the export layouts in use, `all`, or `none`; the parts of such an "
        "export are loaded when its manifest reports the delivery as complete. Example: `aws_cur`.",
    )
    exports_rules: Folder | None = Field(
        None,
        description="TOML file of rules about which of several exports of one account counts. Example: `exports.toml`.",
    )
    budgets: Folder | None = Field(
        None, description="TOML file of budgets, their alerts, and metrics. Example: `budgets.toml`."
    )
    alerts: Folder | None = Field(
        None,
        description="TOML file of the sinks that alerts are sent to; without one there are no alerts. Example: "
        "`alerts.toml`.",
    )
    targets: Folder | None = Field(
        None, description="TOML file of the targets that `billstream publish` fills. Example: `targets.toml`."
    )

    queue_url: str | None = Field(
        None,
        description="URL of the SQS queue. Default: the URL of the queue that `BILLSTREAM_QUEUE_NAME` names. "
        "Example: `https://sqs.eu-central-1.amazonaws.com/123456789012/billstream`.",
    )
    queue_name: str = Field(
        "billstream",
        description="Name of the SQS queue; `billstream init --aws` creates it, and its dead-letter queue "
        "`<name>-dlq`. Example: `billing-events`.",
    )
    bucket: str = Field(
        "billing",
        description="S3 bucket of the billing files; `billstream init --aws` creates it. Example: `acme-billing`.",
    )
    buckets: Names = Field(
        (),
        description="Comma-separated S3 buckets whose objects are processed; objects of other buckets are refused: "
        "acknowledged, counted, and never read. A bucket in `BILLSTREAM_BUCKET` always belongs to them. Default: that "
        "one. Example: `acme-billing,acme-billing-2`.",
    )
    include: Names = Field(
        ("*.csv", "*.csv.gz", "*.csv.zst", "*.csv.bz2", "*.csv.xz", "*.tsv", "*.tsv.gz", "*.zip", "*.parquet"),
        min_length=1,
        description="Comma-separated shell patterns for the keys of billing files; other objects are acknowledged "
        "and counted. Example: `exports/*.csv.gz`.",
    )
    on_removed: AnyCase[RemovalPolicy] = Field(
        RemovalPolicy.RETRACT,
        description="Policy when an object is removed from the bucket: `retract` deletes its rows, `keep` keeps "
        "them. Example: `keep`.",
    )

    on_duplicate_content: AnyCase[DuplicatePolicy] = Field(
        DuplicatePolicy.WARN,
        description="Policy when another active object has the same content: `warn` loads it and logs a warning, "
        "`skip` does not load it, `load` loads it silently. Example: `skip`.",
    )
    quality: AnyCase[QualityPolicy] = Field(
        QualityPolicy.WARN,
        description="Policy for a file with rows that break a rule of quality of severity error: `warn` loads it and "
        "keeps the finding, `enforce` quarantines it. Example: `enforce`.",
    )
    quality_rules: Folder | None = Field(
        None,
        description="Folder with rules of quality of your own (`*.sql`), beside the built-in ones, or in place of one "
        "of the same name. Example: `/etc/billstream/quality`.",
    )
    breaker_consecutive: int = Field(
        25,
        ge=0,
        description="Objects in a row that cannot be loaded, on more than one prefix, before the consumer holds: it "
        "keeps their messages, and goes on by itself when one can be loaded. `0` quarantines them. Example: `100`.",
    )
    breaker_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the last 100 objects that cannot be loaded, on more than one prefix, above which the "
        "consumer holds when a batch has no object that can be loaded; `1` quarantines them. Example: `0.2`.",
    )

    poll_seconds: WholeSeconds = Field(
        20, ge=0, le=20, description="Seconds that a receive waits for messages; SIGTERM waits for it. Example: `5`."
    )
    batch_files: int = Field(
        200, ge=1, le=5000, description="Files after which a micro-batch is committed. Example: `50`."
    )
    batch_bytes: Bytes = Field(
        256 * MEBIBYTE,
        ge=1,
        description="Bytes of objects after which a micro-batch is committed. Example: `64MiB`.",
    )
    batch_seconds: Seconds = Field(
        2.0,
        gt=0,
        le=300,
        description="Seconds after the first message when a micro-batch is committed although more messages wait; it "
        "is committed sooner where none does. Example: `0.5`.",
    )
    max_receives: int = Field(
        12,
        ge=1,
        le=1000,
        description="Receives of one message after which SQS moves it to the dead-letter queue; applied by "
        "`billstream init --aws`. Example: `5`.",
    )

    sweep_seconds: Seconds = Field(
        0,
        ge=0,
        description="Seconds between two sweeps of a running consumer, which find objects without a notification; "
        "`0` turns them off, and one consumer of a fleet is enough. Example: `86400`.",
    )
    grace_seconds: Seconds = Field(
        30.0,
        ge=0,
        description="Seconds to finish in-flight work after SIGTERM; unfinished messages return to the queue. "
        "Example: `10`.",
    )
    aggregate_seconds: Seconds = Field(
        1.0, gt=0, description="Least pause between two refreshes of aggregates and insights. Example: `300`."
    )
    maintain: bool = Field(
        True,
        description="Whether the aggregator maintains the lake; else `billstream maintain` must. Example: `false`.",
    )
    keep_snapshots: Seconds = Field(
        604_800.0, gt=0, description="Age up to which snapshots are kept, for time travel. Example: `30d`."
    )
    keep_for_followers: Seconds = Field(
        2_592_000.0, gt=0, description="Time that older snapshots wait for a target to come back. Example: `7d`."
    )
    tag_keys: Annotated[TagKeysSetting, NoDecode] = Field(
        NO_TAG_KEYS,
        description="Comma-separated tag keys that costs are told by, in any case; `name=key` reads another key where "
        "the ones before have no value, and a change recomputes the aggregates. Example: `team,team=cost-centre,env`.",
    )
    anomaly_limits: Annotated[AnomalyLimitsSetting, NoDecode] = Field(
        AnomalyLimits(),
        description="Distance from the expected cost from which a day is an anomaly, all three together: `score`, in "
        "usual distances, `share` of the expected cost, and `floor`, money a day. Example: `share=0.4,floor=20`.",
    )

    memory_limit: Memory = Field(
        "2GB", description="Memory that DuckDB may use in one process, as a number with a unit. Example: `512MB`."
    )
    threads: int = Field(
        0, ge=0, description="Threads that DuckDB may use in one process; `0` means one per core. Example: `4`."
    )
    metrics_address: Address | None = Field(
        None,
        description="Address on which `consume`, `aggregate`, `maintain` and `publish` serve metrics and health to "
        "whoever reaches it; each process of a host needs a port of its own. Example: `127.0.0.1:9464`.",
    )
    log_level: AnyCase[LogLevel] = Field(
        LogLevel.INFO,
        description="Least severe log events to write: `debug`, `info`, `warning` or `error`. Example: `warning`.",
    )
    log_format: AnyCase[LogFormat] = Field(
        LogFormat.AUTO,
        description="Format of log events: `json`, `console`, or `auto`, which is JSON unless standard error is a "
        "terminal. Example: `json`.",
    )
