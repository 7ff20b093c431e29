-- Charges of loads that are not active any more. Grain: one row. Parameter: $1 the snapshot.
SELECT count(*)
FROM (SELECT load_id FROM charges AT (VERSION => $1))
ANTI JOIN (SELECT load_id FROM active_loads AT (VERSION => $1)) USING (load_id)
