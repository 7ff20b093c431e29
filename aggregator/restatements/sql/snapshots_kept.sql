-- The oldest snapshot after which none has been expired. Grain: one row. Parameter: the newest snapshot to consider.
-- {catalog} is the catalog database.
WITH kept AS (
    SELECT snapshot_id, snapshot_id - lag(snapshot_id) OVER (ORDER BY snapshot_id) AS step
    FROM {catalog}.ducklake_snapshot
    WHERE snapshot_id <= $1
)
SELECT coalesce(max(snapshot_id) FILTER (step IS NULL OR step > 1), $1)::BIGINT AS first_snapshot_id FROM kept
