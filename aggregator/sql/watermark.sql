-- The watermark: the snapshot that the aggregates are at. Grain: one row, or none before the first refresh.
-- Parameter: the snapshot in which the watermark is read.
SELECT snapshot_id, previous_snapshot_id, kind, reason, rows_inserted, rows_deleted, groups_touched, refreshed_at, tag_keys
FROM watermark AT (VERSION => $1)
WHERE name = 'aggregates'
