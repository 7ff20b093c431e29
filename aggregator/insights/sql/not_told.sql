-- Charges whose savings cannot be told, or not in parts, by what they lack. Grain: currency, provider, category_told, costs_told.
-- `zero`: every effective cost adds up to nothing beside a billed cost. Parameter: today.
SELECT
    currency,
    provider,
    charge_category IS NOT NULL AS category_told,
    costs_told,
    sum(charge_rows)::BIGINT AS charge_rows,
    sum(billed_cost) + 0::DECIMAL(38, 18) AS billed_cost,
    coalesce(sum(effective_cost) = 0 AND sum(billed_cost) > 0, false) AS zero
FROM insight_cells
WHERE charge_day <= $1
  AND (charge_category IS NULL
       OR charge_category = 'Usage' AND NOT correction AND commitment IS DISTINCT FROM 'Unused')
GROUP BY ALL
HAVING NOT category_told
    OR NOT (contains(costs_told, 'E') AND contains(costs_told, 'L') AND contains(costs_told, 'C'))
    OR zero
ORDER BY charge_rows DESC, currency NULLS LAST, provider NULLS LAST, category_told, costs_told
