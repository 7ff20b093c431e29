-- The snapshots from $1 to $2, both inclusive: how many no longer exist, and how many schema versions the others have.
-- Grain: one row. More than one schema version: tables were made or changed.
SELECT $2 - $1 + 1 - count(*) AS missing, count(DISTINCT schema_version) AS schema_versions
FROM ducklake_snapshots('lake')
WHERE snapshot_id BETWEEN $1 AND $2
