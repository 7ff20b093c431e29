-- Loads whose rows are not as the ledger records them. Grain: table and load. A load that is not active has no ledger_*
-- columns, a load without rows no charges_* columns. Totals are lists of (currency, sum), in the order of the currencies.
-- What the ledger has not recorded of a load (NULL) is not compared, nor is a hash of another version ({hashed_by}).
-- Parameter: $1 the snapshot.
WITH sums AS (
    SELECT
        table_name, load_id, currency, sum(row_count) AS row_count, sum(billed) AS billed, sum(effective) AS effective, sum(list) AS list,
        sum(contracted) AS contracted
    FROM verify_charges
    GROUP BY table_name, load_id, currency
),
totals AS (
    SELECT
        table_name,
        load_id,
        sum(row_count)::BIGINT AS row_count,
        list_sort(list({{'key': currency, 'value': billed}}) FILTER (billed IS NOT NULL)) AS billed,
        list_sort(list({{'key': currency, 'value': effective}}) FILTER (effective IS NOT NULL)) AS effective,
        list_sort(list({{'key': currency, 'value': list}}) FILTER (list IS NOT NULL)) AS list,
        list_sort(list({{'key': currency, 'value': contracted}}) FILTER (contracted IS NOT NULL)) AS contracted
    FROM sums
    GROUP BY table_name, load_id
),
files AS (
    SELECT table_name, load_id, sum(hashed) AS hashed, list_sort(list(DISTINCT data_file) FILTER (data_file IS NOT NULL)) AS data_files
    FROM verify_charges
    GROUP BY table_name, load_id
),
in_charges AS (
    SELECT * FROM totals JOIN files USING (table_name, load_id)
),
in_ledger AS (
    SELECT
        table_name, load_id, scope, bucket, key, rows_loaded AS row_count,
        list_sort(map_entries(billed_totals)) AS billed,
        list_sort(map_entries(effective_totals)) AS effective,
        list_sort(map_entries(list_totals)) AS list,
        list_sort(map_entries(contracted_totals)) AS contracted,
        CASE WHEN list_contains({hashed_by}::VARCHAR[], hashed_by) THEN hashed END AS hashed
    FROM verify_active
),
known AS (
    SELECT load_id, any_value(scope) AS scope FROM ledger AT (VERSION => $1) WHERE load_id IS NOT NULL GROUP BY load_id
)
SELECT
    coalesce(l.table_name, c.table_name) AS table_name,
    coalesce(l.load_id, c.load_id) AS load_id,
    coalesce(l.scope, known.scope) AS scope,
    l.bucket AS bucket,
    l.key AS key,
    l.load_id IS NOT NULL AS active,
    l.row_count AS ledger_rows,
    coalesce(c.row_count, 0) AS charges_rows,
    coalesce(c.data_files, []) AS data_files,
    l.billed AS ledger_billed,
    c.billed AS charges_billed,
    l.effective AS ledger_effective,
    CASE WHEN l.effective IS NOT NULL THEN c.effective END AS charges_effective,
    l.list AS ledger_list,
    CASE WHEN l.list IS NOT NULL THEN c.list END AS charges_list,
    l.contracted AS ledger_contracted,
    CASE WHEN l.contracted IS NOT NULL THEN c.contracted END AS charges_contracted,
    c.load_id IN (SELECT load_id FROM verify_catalog WHERE load_id IS NOT NULL) AS active_in_catalog
FROM in_ledger AS l
FULL JOIN in_charges AS c ON c.load_id = l.load_id AND c.table_name = l.table_name
LEFT JOIN known ON known.load_id = c.load_id AND l.load_id IS NULL
WHERE l.load_id IS NULL
   OR l.row_count <> coalesce(c.row_count, 0)
   OR coalesce(l.billed, []) <> coalesce(c.billed, [])
   OR l.effective <> coalesce(c.effective, [])
   OR l.list <> coalesce(c.list, [])
   OR l.contracted <> coalesce(c.contracted, [])
   OR l.hashed <> coalesce(c.hashed, 0)
ORDER BY scope, load_id
