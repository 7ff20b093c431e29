-- The largest differences, restatements first. Grain: that of the table restatements.
-- A day before 1900 or after 2999 is NULL. Parameters: $1 true for restatements only, $2 how many rows at most.
SELECT
    kind,
    CASE WHEN charge_day BETWEEN DATE '1900-01-01' AND DATE '2999-12-31' THEN charge_day END AS day,
    billing_currency AS currency,
    service_name AS service,
    account_id AS account,
    file,
    state,
    processed_at,
    entry_id,
    coalesce(decisions, 0) AS decisions,
    rows_before,
    rows_after,
    billed_before,
    billed_after,
    billed_difference,
    effective_before,
    effective_after,
    effective_difference,
    quantities
FROM restatements
LEFT JOIN restatement_causes USING (kind, file)
WHERE changed AND (kind = 'restated' OR NOT $1)
ORDER BY
    kind = 'new',
    greatest(abs(billed_difference), abs(effective_difference)) DESC NULLS LAST,
    list_max([abs(entry.difference) FOR entry IN quantities]) DESC NULLS LAST,
    charge_day,
    billing_currency NULLS LAST,
    service_name NULLS LAST,
    account_id NULLS LAST,
    file
LIMIT $2
