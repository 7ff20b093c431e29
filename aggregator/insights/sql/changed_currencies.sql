-- The newest refresh by currency. Grain: currency.
SELECT
    currency,
    sum(rows_added)::BIGINT AS rows_added,
    sum(rows_removed)::BIGINT AS rows_removed,
    sum(billed_cost) + 0::DECIMAL(38, 18) AS billed_cost,
    sum(effective_cost) + 0::DECIMAL(38, 18) AS effective_cost,
    sum(list_cost) + 0::DECIMAL(38, 18) AS list_cost
FROM insight_changed
GROUP BY currency
ORDER BY currency NULLS LAST
