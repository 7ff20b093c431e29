-- The newest analysis that has nothing left to do: its watermark, and its id.
SELECT watermark_snapshot_id, analysis_id FROM analysis WHERE NOT pending
