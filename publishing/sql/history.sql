-- The snapshots from $1 to $2, both inclusive: how many no longer exist, and the time of snapshot $3. Grain: one row.
-- {catalog} is the catalog database.
SELECT
    greatest($2 - $1 + 1, 0) - count(*) FILTER (snapshot_id BETWEEN $1 AND $2) AS missing,
    max(snapshot_time::TIMESTAMPTZ) FILTER (snapshot_id = $3) AS read_time
FROM {catalog}.ducklake_snapshot
WHERE snapshot_id BETWEEN $1 AND $2 OR snapshot_id = $3
