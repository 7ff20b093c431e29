"""Dagster watches billstream: external assets, a sensor over the ledger, and `verify` as an asset check.

Start it with `dagster dev -f billstream_watch.py`. It asks billstream by its command line, which opens the lake
read-only, so the packages of the two need not agree.
"""

import json
import os
import shlex
import subprocess
from dataclasses import asdict, dataclass
from typing import Any

import dagster as dg

MOST_COMMITS = 100
"""Reported by one tick of the sensor; the rest comes with the next one."""

MOST_FILES = 50
"""Named in one materialisation; all are counted."""

SECONDS = 600
AWAY = 75
"""The exit code of billstream when a server does not answer: try again later."""

# One statement reads one snapshot of the lake. `ledger.snapshot_id` is the snapshot that a row was committed with.
NEWS = """
SELECT
    (SELECT {{'snapshot_id': snapshot_id, 'rows_inserted': rows_inserted, 'rows_deleted': rows_deleted,
        'refreshed_at': refreshed_at}} FROM watermark WHERE name = 'aggregates') AS refreshed,
    (SELECT coalesce(list(news ORDER BY news.snapshot_id), []) FROM (
        SELECT
            snapshot_id,
            max(processed_at) AS committed_at,
            count(*) FILTER (state = 'loaded') AS files_loaded,
            count(*) FILTER (state IN ('quarantined', 'denied', 'failed')) AS files_not_loaded,
            count(*) FILTER (previous_load_id IS NOT NULL AND load_id IS DISTINCT FROM previous_load_id) AS loads_ended,
            coalesce(sum(rows_loaded), 0)::BIGINT AS rows_loaded,
            coalesce(sum(rows_rejected), 0)::BIGINT AS rows_rejected,
            list({{'file': scope, 'version': coalesce(version_id, etag, content_sha256), 'state': state,
                'rows': rows_loaded}} ORDER BY entry_id)[:{files}] AS files
        FROM ledger WHERE snapshot_id > {since} GROUP BY snapshot_id ORDER BY snapshot_id LIMIT {commits}
    ) AS news) AS commits
"""

raw_files = dg.AssetSpec("raw_files", group_name="billstream", description="Billing files as vendors deliver them.")
charges = dg.AssetSpec("charges", deps=[raw_files], group_name="billstream", description="One row for each charge.")
aggregates = dg.AssetSpec("aggregates", deps=[charges], group_name="billstream", description="Sums of all charges.")


class LakeAwayError(Exception):
    """A server that billstream needs does not answer now."""


@dataclass(frozen=True)
class Cursor:
    """The snapshots of the lake up to which commits and aggregates have been reported."""

    ledger: int = 0
    aggregates: int = 0


def ask(*arguments: str, accepted: tuple[int, ...] = (0,)) -> Any:  # noqa: ANN401 - it is JSON
    """Return the JSON that a command of billstream prints.

    Raises:
        LakeAwayError: try again later.
        dg.Failure: the command did not work; the text is what it said.
    """
    command = [*shlex.split(os.environ.get("BILLSTREAM_COMMAND", "billstream")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603 - ours
    said = done.stderr.strip()[-2000:]
    if done.returncode == AWAY:
        raise LakeAwayError(said)
    if done.returncode not in accepted or not done.stdout.strip():
        raise dg.Failure(f"`billstream {arguments[0]}` ended with {done.returncode}: {said}", allow_retries=False)
    return json.loads(done.stdout)


@dg.sensor(name="ledger", minimum_interval_seconds=30)
def ledger_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Report each commit since the last tick as materialisations of the files and the charges."""
    since = Cursor(**json.loads(context.cursor)) if context.cursor else Cursor()
    query = NEWS.format(since=int(since.ledger), commits=MOST_COMMITS, files=MOST_FILES)
    try:
        [news] = ask("sql", query, "--format", "json")
    except LakeAwayError as error:
        return dg.SkipReason(f"The lake does not answer, and is asked again: {error}")
    refreshed, commits = news["refreshed"], news["commits"]
    events = [event for commit in commits for event in materialisations(commit)]
    if refreshed and refreshed["snapshot_id"] > since.aggregates:
        events.append(materialised("aggregates", refreshed))
    if not events:
        return dg.SkipReason(f"Nothing was committed after snapshot {since.ledger}.")
    reached = Cursor(
        ledger=commits[-1]["snapshot_id"] if commits else since.ledger,
        aggregates=refreshed["snapshot_id"] if refreshed else since.aggregates,
    )
    return dg.SensorResult(asset_events=events, cursor=json.dumps(asdict(reached)))


def materialisations(commit: dict[str, Any]) -> list[dg.AssetMaterialization]:
    """Return what a commit has materialised. One that neither loaded nor removed rows changed no charges."""
    found = [materialised("raw_files", commit)]
    if commit["files_loaded"] or commit["loads_ended"]:
        found.append(materialised("charges", commit))
    return found


def materialised(asset: str, facts: dict[str, Any]) -> dg.AssetMaterialization:
    """Return a materialisation with all facts as metadata, and the snapshot of the lake as its data version."""
    metadata = {name: dg.MetadataValue.json(value) if name == "files" else value for name, value in facts.items()}
    return dg.AssetMaterialization(asset, metadata=metadata, tags={"dagster/data_version": str(facts["snapshot_id"])})


@dg.asset_check(asset=charges.key, description="Ledger, charges, claims and aggregates agree, by `billstream verify`.")
def agrees() -> dg.AssetCheckResult:
    """Run `billstream verify`, which ends with 1 where anything differs."""
    found = ask("verify", "--json", accepted=(0, 1))
    return dg.AssetCheckResult(
        passed=bool(found["agrees"]),
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "snapshot_id": found["snapshot_id"],
            "active_loads": found["active_loads"],
            "active_rows": found["active_rows"],
            "findings": dg.MetadataValue.json(found["findings"]),
        },
    )


verify_job = dg.define_asset_job("verify", selection=dg.AssetSelection.checks(agrees))

defs = dg.Definitions(
    assets=[raw_files, charges, aggregates],
    asset_checks=[agrees],
    jobs=[verify_job],
    schedules=[dg.ScheduleDefinition(name="verify_nightly", job=verify_job, cron_schedule="30 3 * * *")],
    sensors=[ledger_sensor],
)
