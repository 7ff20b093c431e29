-- The rows of a few data files, counted, with a digest of their values. Grain: the key; no row where there are no rows.
-- {key} is a column or NULL, {compared} the columns of the digest, {rows} a table function or a subquery.
SELECT {key} AS counted_key, count(*) AS counted, sum(hash({compared})) AS digest
FROM {rows}
GROUP BY counted_key
ORDER BY counted_key NULLS FIRST
