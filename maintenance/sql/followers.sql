-- Snapshots from which somebody goes on reading. Grain: one follower: the aggregates and the analysis, once there are any, and
-- the targets. Parameter: $1 the moment before which a target that was last seen then is not waited for.
SELECT snapshot_id FROM watermark
UNION ALL
SELECT snapshot_id FROM analysis
UNION ALL
SELECT snapshot_id FROM followers WHERE seen_at >= $1
