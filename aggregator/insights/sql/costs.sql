-- Costs by currency and period. Grain: billing_currency, period.
SELECT
    billing_currency AS currency,
    period,
    sum(billed_cost) + 0::DECIMAL(38, 18) AS billed_cost,
    sum(effective_cost) + 0::DECIMAL(38, 18) AS effective_cost,
    sum(list_cost) + 0::DECIMAL(38, 18) AS list_cost,
    sum(savings) + 0::DECIMAL(38, 18) AS savings,
    sum(charge_rows)::BIGINT AS charge_rows
FROM insight_days
JOIN insight_periods ON charge_day BETWEEN first_day AND last_day
GROUP BY billing_currency, period
