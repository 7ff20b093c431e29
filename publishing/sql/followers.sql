-- The followers of the lake. Grain: one follower.
SELECT name, kind, place, snapshot_id, refreshed_at, seen_at FROM followers ORDER BY name
