-- The current state of the groups that change, from one rollup's table. Grain: the rollup's keys.
-- Parameter: the snapshot in which the table is read.
CREATE OR REPLACE TEMP TABLE current_{table} AS
SELECT a.*
FROM (SELECT * FROM {table} AT (VERSION => $1)) AS a
SEMI JOIN (SELECT DISTINCT {keys} FROM moved_{table}) AS b ON {same_keys}
