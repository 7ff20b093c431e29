-- The newest snapshot of an interval in which a data file left the lake because it could no longer be read. Grain: one row,
-- NULL where there is none. Parameters: $1 the beginning, $2 the end.
SELECT max(snapshot_id)::BIGINT AS lost_at
FROM ducklake_snapshots('lake')
WHERE snapshot_id > $1 AND snapshot_id <= $2 AND contains(commit_extra_info, '"lost_files":')
