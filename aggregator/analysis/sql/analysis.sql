-- The newest analysis; none before the first. Parameter: the snapshot to read.
SELECT
    analysis_id, watermark_snapshot_id, refreshed_at, today, configuration, unexplained, analysed_at
FROM analysis AT (VERSION => $1)
