-- The aggregates of a snapshot: the snapshot that they hold, and when they were made. Grain: one row, or none before the first
-- refresh. Parameter: $1 the snapshot. {catalog} is the catalog database.
SELECT
    snapshot_id,
    refreshed_at,
    (SELECT max(CAST(schema_uuid AS VARCHAR)) FROM {catalog}.ducklake_schema WHERE schema_id = 0) AS lake_id,
    (SELECT max(snapshot_time::TIMESTAMPTZ) FROM {catalog}.ducklake_snapshot AS made WHERE made.snapshot_id = $1) AS read_time
FROM watermark AT (VERSION => $1)
WHERE name = 'aggregates'
