-- No groups, with the columns of one rollup's table: the delta holds all charges. Grain: the rollup's keys.
-- Parameter: the snapshot in which the table is read.
CREATE OR REPLACE TEMP TABLE current_{table} AS
SELECT * FROM {table} AT (VERSION => $1) WHERE false
