-- The number of schema versions among two snapshots: more than 1 when tables were made or changed. Grain: one row.
SELECT count(DISTINCT schema_version) FROM ducklake_snapshots('lake') WHERE snapshot_id IN ($1, $2)
