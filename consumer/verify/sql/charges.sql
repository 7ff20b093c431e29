-- The rows of each load, counted and summed: those that count and those that are set aside, for a load is proven as a whole. A row
-- in both tables is one too many. Grain: table, load, currency, data file. Other tables follow by others.sql.
-- {hash_of_row} is NULL for a load whose hash cannot be made here.
-- Parameter: $1 the snapshot.
CREATE OR REPLACE TEMP TABLE verify_charges AS
SELECT
    'charges' AS table_name,
    c.load_id,
    coalesce(c.billing_currency, 'XXX') AS currency,
    c.filename AS data_file,
    count(*) AS row_count,
    sum(c.billed_cost) AS billed,
    sum(c.effective_cost) AS effective,
    sum(c.list_cost) AS list,
    sum(c.contracted_cost) AS contracted,
    sum({hash_of_row}) AS hashed
FROM (
    SELECT filename, * FROM charges AT (VERSION => $1)
    UNION ALL BY NAME
    SELECT filename, * FROM set_aside_charges AT (VERSION => $1)
) AS c
LEFT JOIN verify_active AS a ON a.load_id = c.load_id
GROUP BY ALL
