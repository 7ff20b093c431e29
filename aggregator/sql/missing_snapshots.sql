-- How many of the snapshots from $1 to $2, both inclusive, no longer exist. Grain: one row.
SELECT $2 - $1 + 1 - count(*) FROM ducklake_snapshots('lake') WHERE snapshot_id BETWEEN $1 AND $2
