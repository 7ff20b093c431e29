-- The newest snapshot that is not after a moment. Grain: one row, NULL where there is no such snapshot.
-- Parameter: the moment, ISO 8601. {catalog} is the catalog database.
SELECT max(snapshot_id) FROM {catalog}.ducklake_snapshot WHERE snapshot_time::TIMESTAMPTZ <= $1::TIMESTAMPTZ
