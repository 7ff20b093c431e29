-- The rows of one more table, {table}, counted; they have no costs that may be added up. Grain: as charges.sql.
-- {hash_of_row} is NULL for a load whose hash cannot be made here.
-- Parameter: $1 the snapshot.
INSERT INTO verify_charges
SELECT
    '{table}' AS table_name,
    c.load_id,
    'XXX' AS currency,
    c.filename AS data_file,
    count(*) AS row_count,
    NULL AS billed,
    NULL AS effective,
    NULL AS list,
    NULL AS contracted,
    sum({hash_of_row}) AS hashed
FROM (SELECT filename, * FROM {table} AT (VERSION => $1)) AS c
LEFT JOIN verify_active AS a ON a.load_id = c.load_id
GROUP BY ALL
