"""Every metric of billstream: the one place where a name, its meaning and its labels are.

Page and dashboard are generated from it. Labels have few, known values: no key, no account, no text of a reason.
"""

from billstream.common.metrics import followers, openlineage, quality
from billstream.common.metrics.instruments import (
    AGGREGATOR,
    CONSUMER,
    MAINTAIN,
    OTHER,
    PUBLISHER,
    Counter,
    Gauge,
    Histogram,
    Instrument,
)
from billstream.common.metrics.labels import LEDGER_STATES, REASONS

EVERY = (CONSUMER, AGGREGATOR, MAINTAIN, PUBLISHER)

_QUICK = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_WORK = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
_LAG = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)

# -- every service ---------------------------------------------------------------------------------------

COMMITS = Counter(
    name="billstream_commits_total",
    meaning="Commits to the lake by result; a conflict or a refused claim is decided again.",
    processes=EVERY,
    label="result",
    values=("committed", *REASONS),
)
COMMIT_SECONDS = Histogram(
    name="billstream_commit_seconds",
    meaning="Seconds that a commit to the lake took, without the work before it.",
    unit="seconds",
    processes=EVERY,
    buckets=_QUICK,
)
LAST_COMMIT = Gauge(
    name="billstream_last_commit_timestamp_seconds",
    meaning="Time of the newest commit of this process; absent before the first.",
    unit="seconds",
    processes=EVERY,
)
RETRIES = Counter(
    name="billstream_retries_total",
    meaning="Attempts that failed and are made again, by the kind of error.",
    processes=EVERY,
    label="reason",
    values=REASONS,
)
WAITING = Gauge(
    name="billstream_waiting",
    meaning="1 while the process waits for what the reason names, else 0; `held`: nothing can be loaded.",
    processes=EVERY,
    label="reason",
    values=REASONS,
)
LAKE_ATTACHED = Gauge(
    name="billstream_lake_attached",
    meaning="1 while the lake is attached and has the schema of this version, else 0.",
    processes=EVERY,
)

# -- consumer --------------------------------------------------------------------------------------------

LAST_POLL = Gauge(
    name="billstream_last_poll_timestamp_seconds",
    meaning="Time of the newest answer of the queue; absent before the first.",
    unit="seconds",
    processes=(CONSUMER,),
)
RECEIVED = Counter(
    name="billstream_messages_received_total",
    meaning="Messages received; one that comes again counts again.",
    processes=(CONSUMER,),
)
MESSAGES = Counter(
    name="billstream_messages_total",
    meaning="Messages by result: acknowledged, returned to the queue, or lost to another consumer.",
    processes=(CONSUMER,),
    label="result",
    values=("acknowledged", "returned", "lost"),
)
IN_FLIGHT = Gauge(
    name="billstream_messages_in_flight",
    meaning="Messages that this consumer keeps invisible to others.",
    processes=(CONSUMER,),
)
EXTENSIONS = Counter(
    name="billstream_visibility_extensions_total",
    meaning="Messages whose invisibility was extended, or could not be.",
    processes=(CONSUMER,),
    label="result",
    values=("extended", "failed"),
)
OBJECTS = Counter(
    name="billstream_objects_total",
    meaning="Events of objects by the ledger state they led to; those without a ledger row are the last six.",
    processes=(CONSUMER,),
    label="state",
    values=(*LEDGER_STATES, "stale", "duplicate", "released", "refused", "not_included", "ignored", OTHER),
)
ROWS = Counter(
    name="billstream_loaded_rows_total",
    meaning="Rows that became active.",
    processes=(CONSUMER,),
)
REJECTED = Counter(
    name="billstream_rejected_rows_total",
    meaning="Records that did not fit, and were kept with the reason.",
    processes=(CONSUMER,),
)
BYTES = Counter(
    name="billstream_loaded_bytes_total",
    meaning="Bytes of the objects that were loaded, as they are in the bucket.",
    unit="bytes",
    processes=(CONSUMER,),
)
LAG_SECONDS = Histogram(
    name="billstream_commit_lag_seconds",
    meaning="Seconds from the event in the bucket to the commit that made it true.",
    unit="seconds",
    processes=(CONSUMER,),
    buckets=_LAG,
)
BATCH_SECONDS = Histogram(
    name="billstream_batch_seconds",
    meaning="Seconds from the first look at a micro-batch to its acknowledgement.",
    unit="seconds",
    processes=(CONSUMER,),
    buckets=_WORK,
)

# -- aggregator: its own work ----------------------------------------------------------------------------

REFRESHES = Counter(
    name="billstream_refreshes_total",
    meaning="Refreshes of the aggregates by result; a postponed one is tried again.",
    processes=(AGGREGATOR,),
    label="result",
    values=("refresh", "rebuild", "unchanged", "postponed"),
)
STEP_SECONDS = Histogram(
    name="billstream_round_step_seconds",
    meaning="Seconds of each step of the aggregator's round.",
    unit="seconds",
    processes=(AGGREGATOR,),
    label="step",
    values=("refresh", "analyse", "publish", "alert", "maintain", "observe"),
    buckets=_WORK,
)
TRUE_AS_OF = Gauge(
    name="billstream_aggregates_true_as_of_timestamp_seconds",
    meaning="Time at which the aggregates were known to hold every charge of the lake.",
    unit="seconds",
    processes=(AGGREGATOR,),
)

# -- maintenance, beside the aggregator or by itself -------------------------------------------------------

UPKEEP_STEPS = Counter(
    name="billstream_upkeep_steps_total",
    meaning="Steps of maintenance that were carried out, or left for a later run.",
    processes=(AGGREGATOR, MAINTAIN),
    label="step",
    values=("flush", "merge", "renew", "expire", "forget", "cleanup", "left"),
)
UPKEEP_SECONDS = Histogram(
    name="billstream_upkeep_step_seconds",
    meaning="Seconds that a step of maintenance took.",
    unit="seconds",
    processes=(AGGREGATOR, MAINTAIN),
    buckets=_QUICK,
)
LAST_UPKEEP = Gauge(
    name="billstream_last_upkeep_timestamp_seconds",
    meaning="Time of the newest run of maintenance in this process; absent before the first, and where it has none.",
    unit="seconds",
    processes=(AGGREGATOR, MAINTAIN),
)

# -- aggregator: the queue, the lake and what is published -----------------------------------------------

OBSERVED = Gauge(
    name="billstream_observed",
    meaning="1 when the newest look at queue or lake succeeded, else 0, and its gauges are absent.",
    processes=(AGGREGATOR,),
    label="what",
    values=("queue", "lake"),
)
QUEUE = Gauge(
    name="billstream_queue_messages",
    meaning="Messages in the queue; SQS counts approximately.",
    processes=(AGGREGATOR,),
    label="state",
    values=("visible", "in_flight", "delayed"),
)
QUEUE_AGE = Gauge(
    name="billstream_queue_oldest_message_seconds",
    meaning="Age of the oldest message in the queue, from CloudWatch; absent where it does not tell.",
    unit="seconds",
    processes=(AGGREGATOR,),
)
DEAD_LETTERS = Gauge(
    name="billstream_dead_letters",
    meaning="Messages in the dead-letter queue.",
    processes=(AGGREGATOR,),
)
DEAD_LETTERS_AGE = Gauge(
    name="billstream_dead_letters_oldest_seconds",
    meaning="Age of the oldest message in the dead-letter queue, from CloudWatch; absent where it does not tell.",
    unit="seconds",
    processes=(AGGREGATOR,),
)
LEDGER = Gauge(
    name="billstream_ledger_objects",
    meaning="Objects by the state of their newest ledger row.",
    processes=(AGGREGATOR,),
    label="state",
    values=(*LEDGER_STATES, OTHER),
)
OLDEST_AWAITING = Gauge(
    name="billstream_oldest_awaiting_timestamp_seconds",
    meaning="Time since which the oldest part of an export awaits its manifest; absent without one.",
    unit="seconds",
    processes=(AGGREGATOR,),
)
OVERLAPS = Gauge(
    name="billstream_overlaps",
    meaning="Costs that two exports of one account both fill.",
    processes=(AGGREGATOR,),
)
LAGGING = Gauge(
    name="billstream_lagging_sources",
    meaning="Sources without a new day for longer than usual, as published.",
    processes=(AGGREGATOR,),
)
ANOMALIES = Gauge(
    name="billstream_open_anomalies",
    meaning="Open anomalies by tier.",
    processes=(AGGREGATOR,),
    label="tier",
    values=("page", "notice", OTHER),
)
BUDGETS = Gauge(
    name="billstream_budgets_firing",
    meaning="Budgets with a rule that fires in a period that is not over.",
    processes=(AGGREGATOR,),
)
OUTBOX = Gauge(
    name="billstream_outbox_alerts",
    meaning="Alerts that wait for their delivery to a sink, by state.",
    processes=(AGGREGATOR,),
    label="state",
    values=("pending", "sending", "failed", OTHER),
)
OLDEST_IN_OUTBOX = Gauge(
    name="billstream_outbox_oldest_timestamp_seconds",
    meaning="Time since which the oldest alert waits for its delivery; absent without one.",
    unit="seconds",
    processes=(AGGREGATOR,),
)
LAKE_FILES = Gauge(
    name="billstream_lake_files",
    meaning="Parquet files of the newest snapshot: data, and lists of deleted rows; and those that wait for removal.",
    processes=(AGGREGATOR,),
    label="kind",
    values=("data", "deletes", "to_remove"),
)
LAKE_BYTES = Gauge(
    name="billstream_lake_bytes",
    meaning="Bytes of the data files of the newest snapshot.",
    unit="bytes",
    processes=(AGGREGATOR,),
)
LAKE_SNAPSHOTS = Gauge(
    name="billstream_lake_snapshots",
    meaning="Snapshots that the catalog keeps.",
    processes=(AGGREGATOR,),
)

CATALOGUE: tuple[Instrument, ...] = tuple(
    one
    for part in (globals(), vars(quality), vars(followers), vars(openlineage))
    for one in part.values()
    if isinstance(one, Instrument)
)
"""All metrics, in the order of this file; those of quality, followers and OpenLineage come last."""

BUILD_INFO = "billstream_build_info"
BUILD_MEANING = "Always 1; its labels are the service, the version of billstream, and that of its schema."


def exported_by(process: str) -> list[Instrument]:
    """Return the metrics that a service exports, beside `billstream_build_info` and `process_*`."""
    return [one for one in CATALOGUE if process in one.processes]
