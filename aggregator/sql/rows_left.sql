-- Charges of loads that are not active any more. Grain: one row. Parameter: $1 the snapshot.
SELECT count(*)
FROM charges AT (VERSION => $1) AS c
ANTI JOIN (FROM active_loads AT (VERSION => $1)) AS a ON a.load_id = c.load_id
