-- The time when a snapshot was made. Grain: one row, or none. Parameter: the snapshot.
SELECT snapshot_time FROM ducklake_snapshots('lake') WHERE snapshot_id = $1
