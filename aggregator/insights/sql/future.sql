-- Charges that are dated after today. Grain: currency, provider. Parameter: today.
SELECT
    provider,
    currency,
    min(charge_day) AS first_day,
    max(charge_day) AS last_day,
    sum(charge_rows)::BIGINT AS charge_rows,
    sum(billed_cost) + 0::DECIMAL(38, 18) AS billed_cost,
    sum(effective_cost) + 0::DECIMAL(38, 18) AS effective_cost
FROM insight_cells
WHERE charge_day > $1
GROUP BY currency, provider
ORDER BY charge_rows DESC, provider NULLS LAST, currency NULLS LAST
