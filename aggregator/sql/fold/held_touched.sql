-- What one rollup's table holds of the groups that move. Grain: the rollup's keys.
CREATE OR REPLACE TEMP VIEW held_{table} AS
SELECT a.*
FROM (SELECT * FROM {table} AT (VERSION => {version})) AS a
SEMI JOIN (SELECT DISTINCT {keys} FROM moved_{table}) AS b ON {same_keys}
