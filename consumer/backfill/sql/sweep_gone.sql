-- The objects that the ledger knows and the listing does not have, numbered from 0. Grain: one object.
CREATE OR REPLACE TEMP TABLE sweep_gone AS
SELECT row_number() OVER (ORDER BY has_rows, key) - 1 AS number, key, has_rows
FROM sweep_known
WHERE scope_id NOT IN (SELECT scope_id FROM sweep_listed)
