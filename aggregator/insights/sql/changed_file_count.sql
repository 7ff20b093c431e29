-- The number of files that the newest refresh changed. Grain: one row.
SELECT count(DISTINCT file) AS files FROM insight_changed
