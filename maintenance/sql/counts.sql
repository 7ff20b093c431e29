-- Snapshots and files of the lake. Grain: one row. {catalog} is the catalog database.
-- Parameters: $1 the moment before which a snapshot is older than those that are kept, $2 the moment before which a file that
-- is scheduled for deletion may be removed.
WITH snapshots AS (
    SELECT
        count(*) AS snapshots,
        min(snapshot_id) AS oldest_snapshot,
        max(snapshot_id) AS newest_snapshot,
        max(snapshot_id) FILTER (snapshot_time::TIMESTAMPTZ <= $1) AS settled_snapshot
    FROM {catalog}.ducklake_snapshot
),
files AS (
    SELECT count(*) AS files, coalesce(sum(file_size_bytes), 0)::BIGINT AS file_bytes
    FROM {catalog}.ducklake_data_file
    WHERE end_snapshot IS NULL
),
scheduled AS (
    SELECT
        count(*) FILTER (schedule_start::TIMESTAMPTZ < $2) AS files_to_remove,
        count(*) FILTER (schedule_start::TIMESTAMPTZ >= $2) AS files_waiting
    FROM {catalog}.ducklake_files_scheduled_for_deletion
)
SELECT * FROM snapshots, files, scheduled
