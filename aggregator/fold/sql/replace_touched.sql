-- Replace the changed groups in one rollup's table. Grain: the rollup's keys.
DELETE FROM {table} AS a USING folded_{table} AS b WHERE {same_keys};
INSERT INTO {table} BY NAME SELECT * FROM folded_{table} WHERE charge_rows <> 0;
