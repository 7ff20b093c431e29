-- The newest snapshot that is not after a moment. Grain: one row, NULL where there is no such snapshot.
-- Parameter: the moment, ISO 8601.
SELECT max(snapshot_id) FROM ducklake_snapshots('lake') WHERE snapshot_time <= $1::TIMESTAMPTZ
