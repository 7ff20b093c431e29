-- Where one rollup's table and its recomputation differ. Grain: the rollup's keys. A side without the group is NULL
-- in every field.
-- Parameters: $1 the snapshot at which the table is read, $2 how many groups to tell at most.
SELECT a AS stored, b AS recomputed
FROM (SELECT * FROM {table} AT (VERSION => $1)) AS a
FULL JOIN folded_{table} AS b ON {same_keys}
WHERE a IS DISTINCT FROM b
LIMIT $2
