-- Remember which loads the newest refresh added or took away. Grain: load_id, billing_currency.
-- Parameter: false when the refresh cannot tell (a rebuild).
DELETE FROM changed_loads;
INSERT INTO changed_loads BY NAME SELECT * FROM folded_changed_loads WHERE $1;
