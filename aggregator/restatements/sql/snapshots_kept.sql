-- The oldest snapshot after which none has been expired. Grain: one row. Parameter: the newest snapshot to consider.
WITH kept AS (
    SELECT snapshot_id, snapshot_id - lag(snapshot_id) OVER (ORDER BY snapshot_id) AS step
    FROM ducklake_snapshots('lake')
    WHERE snapshot_id <= $1
)
SELECT coalesce(max(snapshot_id) FILTER (step IS NULL OR step > 1), $1)::BIGINT AS first_snapshot_id FROM kept
