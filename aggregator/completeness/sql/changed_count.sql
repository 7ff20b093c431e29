-- The days that changed. Grain: one row.
SELECT count(*) FROM changed_days
