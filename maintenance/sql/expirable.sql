-- The oldest snapshots before $1, $2 of them at most. Grain: one snapshot. {catalog} is the catalog database.
SELECT snapshot_id FROM {catalog}.ducklake_snapshot WHERE snapshot_id < $1 ORDER BY snapshot_id LIMIT $2
