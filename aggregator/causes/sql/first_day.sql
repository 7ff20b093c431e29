-- The first of the given days that has a charge of these; NULL for none.
SELECT min((charge_period_start AT TIME ZONE 'UTC')::DATE)
FROM charges AT (VERSION => {version})
WHERE {condition}
