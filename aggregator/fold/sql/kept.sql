-- The groups of one rollup's table that do not change, to be rewritten beside those that do.
-- Grain: the rollup's keys. Parameters: $1 the snapshot in which the table is read, $2 false to keep nothing.
CREATE OR REPLACE TEMP TABLE kept_{table} AS
SELECT a.*
FROM (SELECT * FROM {table} AT (VERSION => $1) WHERE $2) AS a
ANTI JOIN folded_{table} AS b ON {same_keys}
