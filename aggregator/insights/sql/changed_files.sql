-- The newest refresh by file, the largest difference first. Grain: file, currency. Parameter: how many rows at most.
SELECT
    file,
    CASE WHEN sum(rows_removed) = 0 THEN 'added' WHEN sum(rows_added) = 0 THEN 'removed' ELSE 'replaced' END AS action,
    currency,
    sum(rows_added)::BIGINT AS rows_added,
    sum(rows_removed)::BIGINT AS rows_removed,
    sum(billed_cost) + 0::DECIMAL(38, 18) AS billed_cost,
    sum(effective_cost) + 0::DECIMAL(38, 18) AS effective_cost,
    sum(list_cost) + 0::DECIMAL(38, 18) AS list_cost
FROM insight_changed
GROUP BY file, currency
ORDER BY abs(sum(billed_cost)) DESC NULLS LAST, sum(rows_added) + sum(rows_removed) DESC, file, currency NULLS LAST
LIMIT $1
