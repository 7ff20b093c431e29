-- What one rollup's table holds of the groups that do not move, to be written anew beside those that do.
-- Grain: the rollup's keys. Parameters: $1 the snapshot at which the table is read, $2 false to keep nothing.
CREATE OR REPLACE TEMP TABLE kept_{table} AS
SELECT a.*
FROM (SELECT * FROM {table} AT (VERSION => $1) WHERE $2) AS a
ANTI JOIN folded_{table} AS b ON {same_keys}
