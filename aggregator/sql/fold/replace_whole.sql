-- Write one rollup's table anew: the groups that are kept and those that were folded. Grain: the rollup's keys.
DELETE FROM {table};
INSERT INTO {table} BY NAME
SELECT * FROM kept_{table}
UNION ALL BY NAME
SELECT * FROM folded_{table} WHERE charge_rows <> 0;
