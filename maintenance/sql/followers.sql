-- Snapshots from which somebody goes on reading. Grain: one follower: the aggregates and the analysis, once there are any.
SELECT snapshot_id FROM watermark
UNION ALL
SELECT snapshot_id FROM analysis
