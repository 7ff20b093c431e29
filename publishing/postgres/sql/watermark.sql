-- The watermark of a copy. Grain: one row, or none.
SELECT lake_id, snapshot_id, read_at, read_time, refreshed_at, layout FROM {schema}.watermark
