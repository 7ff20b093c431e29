-- Rewrite one rollup's table: the kept groups and the changed ones. Grain: the rollup's keys.
DELETE FROM {table};
INSERT INTO {table} BY NAME
SELECT * FROM kept_{table}
UNION ALL BY NAME
SELECT * FROM folded_{table} WHERE charge_rows <> 0;
