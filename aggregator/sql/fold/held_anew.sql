-- Nothing, in the form of one rollup's table: the delta is everything there is. Grain: the rollup's keys.
CREATE OR REPLACE TEMP VIEW held_{table} AS
SELECT * FROM {table} AT (VERSION => {version}) WHERE false
