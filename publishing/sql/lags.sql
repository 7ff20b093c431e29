-- The followers of the lake, and the decisions that changed charges after the refresh that each of them has: ledger entries, and
-- preferences between exports. Grain: one follower. `newest` is the newest refresh of the aggregates.
WITH elsewhere AS (
    SELECT load_id FROM ledger WHERE table_name <> 'charges'  -- loads without charges
),
decisions AS (
    SELECT processed_at AS decided_at
    FROM ledger
    WHERE load_id IS DISTINCT FROM previous_load_id AND coalesce(load_id, previous_load_id) NOT IN (FROM elsewhere)
    UNION ALL
    SELECT coalesce(undone_at, decided_at) FROM export_preferences
)
SELECT
    f.name,
    f.kind,
    f.place,
    f.snapshot_id,
    f.refreshed_at,
    f.seen_at,
    (SELECT max(refreshed_at) FROM watermark) AS newest,
    count(d.decided_at) AS lag_loads,
    min(d.decided_at) AS oldest
FROM followers AS f
LEFT JOIN decisions AS d ON d.decided_at > coalesce(f.refreshed_at, '-infinity'::TIMESTAMPTZ)
GROUP BY ALL
ORDER BY f.name
