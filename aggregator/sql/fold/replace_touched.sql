-- Put the folded groups of one rollup in the place of what the table holds of them. Grain: the rollup's keys.
DELETE FROM {table} AS a USING folded_{table} AS b WHERE {same_keys};
INSERT INTO {table} BY NAME SELECT * FROM folded_{table} WHERE charge_rows <> 0;
