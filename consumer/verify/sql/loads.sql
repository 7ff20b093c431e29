-- Loads whose rows in charges are not as the ledger records them. Grain: one load. A load that is not active has no ledger_*
-- columns, a load without rows no charges_* columns. Totals are lists of (currency, sum), in the order of the currencies.
-- Parameter: $1 the snapshot.
WITH sums AS (
    SELECT load_id, coalesce(billing_currency, 'XXX') AS currency, count(*) AS n, sum(billed_cost) AS billed
    FROM charges AT (VERSION => $1)
    GROUP BY ALL
),
in_charges AS (
    SELECT
        load_id,
        sum(n)::BIGINT AS row_count,
        list_sort(list({{'key': currency, 'value': billed}}) FILTER (billed IS NOT NULL)) AS totals
    FROM sums
    GROUP BY load_id
),
in_ledger AS (
    SELECT load_id, scope, bucket, key, rows_loaded AS row_count, list_sort(map_entries(billed_totals)) AS totals
    FROM verify_active
),
known AS (
    SELECT load_id, any_value(scope) AS scope FROM ledger AT (VERSION => $1) WHERE load_id IS NOT NULL GROUP BY load_id
)
SELECT
    coalesce(in_ledger.load_id, in_charges.load_id) AS load_id,
    coalesce(in_ledger.scope, known.scope) AS scope,
    in_ledger.bucket AS bucket,
    in_ledger.key AS key,
    in_ledger.load_id IS NOT NULL AS active,
    in_ledger.row_count AS ledger_rows,
    coalesce(in_charges.row_count, 0) AS charges_rows,
    in_ledger.totals AS ledger_totals,
    in_charges.totals AS charges_totals,
    in_charges.load_id IN (SELECT load_id FROM verify_catalog WHERE load_id IS NOT NULL) AS active_in_catalog
FROM in_ledger
FULL JOIN in_charges ON in_charges.load_id = in_ledger.load_id
LEFT JOIN known ON known.load_id = in_charges.load_id AND in_ledger.load_id IS NULL
WHERE in_ledger.load_id IS NULL
   OR in_ledger.row_count <> coalesce(in_charges.row_count, 0)
   OR coalesce(in_ledger.totals, []) <> coalesce(in_charges.totals, [])
ORDER BY scope, load_id
