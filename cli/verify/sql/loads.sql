-- Loads whose rows in charges are not what the ledger says. Grain: one load. A load that is not in force has no `told`,
-- one that has no rows no `there`. Totals are lists of (currency, sum), in the order of the currencies.
-- Parameter: $1 the snapshot.
WITH sums AS (
    SELECT load_id, coalesce(billing_currency, 'XXX') AS currency, count(*) AS n, sum(billed_cost) AS billed
    FROM charges AT (VERSION => $1)
    GROUP BY ALL
),
there AS (
    SELECT
        load_id,
        sum(n)::BIGINT AS row_count,
        list_sort(list({{'key': currency, 'value': billed}}) FILTER (billed IS NOT NULL)) AS totals
    FROM sums
    GROUP BY load_id
),
told AS (
    SELECT load_id, scope, bucket, key, rows_loaded AS row_count, list_sort(map_entries(billed_totals)) AS totals
    FROM verify_in_force
),
known AS (
    SELECT load_id, any_value(scope) AS scope FROM ledger AT (VERSION => $1) WHERE load_id IS NOT NULL GROUP BY load_id
)
SELECT
    coalesce(told.load_id, there.load_id) AS load_id,
    coalesce(told.scope, known.scope) AS scope,
    told.bucket AS bucket,
    told.key AS key,
    told.load_id IS NOT NULL AS in_force,
    told.row_count AS told_rows,
    coalesce(there.row_count, 0) AS there_rows,
    told.totals AS told_totals,
    there.totals AS there_totals,
    there.load_id IN (SELECT load_id FROM verify_held WHERE load_id IS NOT NULL) AS held
FROM told
FULL JOIN there ON there.load_id = told.load_id
LEFT JOIN known ON known.load_id = there.load_id AND told.load_id IS NULL
WHERE told.load_id IS NULL
   OR told.row_count <> coalesce(there.row_count, 0)
   OR coalesce(told.totals, []) <> coalesce(there.totals, [])
ORDER BY scope, load_id
