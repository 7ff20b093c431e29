-- The time when a snapshot was made. Grain: one row, or none. Parameter: the snapshot. {catalog} is the catalog database.
SELECT snapshot_time::TIMESTAMPTZ FROM {catalog}.ducklake_snapshot WHERE snapshot_id = $1
