-- Record the loads that the newest refresh added or removed. Grain: load_id, billing_currency.
-- Parameter: false when they are not known (a rebuild).
DELETE FROM changed_loads;
INSERT INTO changed_loads BY NAME SELECT * FROM folded_changed_loads WHERE $1;
