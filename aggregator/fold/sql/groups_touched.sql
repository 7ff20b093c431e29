-- The number of groups that change in one rollup's table. Grain: one row.
SELECT count(*) FROM folded_{table}
