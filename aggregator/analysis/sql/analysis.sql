-- The newest analysis; none before the first. Parameter: the snapshot to read.
SELECT
    analysis_id, snapshot_id, watermark_snapshot_id, refreshed_at, today, configuration, pending, analysed_at
FROM analysis AT (VERSION => $1)
