-- All differences by kind and currency. Grain: kind, billing_currency. Parameter: true for restatements only.
SELECT
    kind,
    billing_currency AS currency,
    count(DISTINCT file) AS files,
    count(*) FILTER (changed) AS groups_changed,
    count(*) FILTER (NOT changed) AS groups_equal,
    sum(rows_before)::BIGINT AS rows_before,
    sum(rows_after)::BIGINT AS rows_after,
    sum(billed_before) + 0::DECIMAL(38, 18) AS billed_before,
    sum(billed_after) + 0::DECIMAL(38, 18) AS billed_after,
    sum(billed_difference) + 0::DECIMAL(38, 18) AS billed_difference,
    sum(effective_before) + 0::DECIMAL(38, 18) AS effective_before,
    sum(effective_after) + 0::DECIMAL(38, 18) AS effective_after,
    sum(effective_difference) + 0::DECIMAL(38, 18) AS effective_difference
FROM restatements
WHERE kind = 'restated' OR NOT $1
GROUP BY kind, billing_currency
ORDER BY kind = 'new', currency NULLS LAST
