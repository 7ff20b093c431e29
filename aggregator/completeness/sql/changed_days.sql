-- The usage of each recent day that differs from the amount recorded last; 0 for a day whose charges have gone.
-- Grain: billing_currency, provider_name, billing_account_id, charge_day.
-- Parameters: $1 the time of the refresh, $2 its UTC day, $3 how many days are recorded.
CREATE OR REPLACE TEMP TABLE changed_days AS
WITH found AS (
    SELECT
        billing_currency,
        provider_name,
        billing_account_id,
        charge_day,
        coalesce(sum(coalesce(effective_cost, billed_cost)), 0) + 0::DECIMAL(38, 18) AS amount
    FROM cost_cells
    WHERE charge_day > $2::DATE - $3::INTEGER
      AND charge_day <= $2::DATE
      AND coalesce(charge_category, 'Usage') = 'Usage'
      AND charge_class IS DISTINCT FROM 'Correction'
    GROUP BY ALL
),
recorded AS (
    SELECT
        billing_currency,
        provider_name,
        billing_account_id,
        charge_day,
        max(seen_at) AS seen_at,
        arg_max(amount, seen_at) AS amount
    FROM day_arrivals
    WHERE charge_day > $2::DATE - $3::INTEGER
    GROUP BY ALL
),
-- A key that is NULL is a value like any other: grouping, not joining, takes it for one, and is faster.
both_sides AS (
    SELECT *, false AS is_found FROM recorded
    UNION ALL BY NAME
    SELECT *, true AS is_found FROM found
)
SELECT
    billing_currency,
    provider_name,
    billing_account_id,
    charge_day,
    -- Later than the amount before, also when a clock was set back.
    greatest($1::TIMESTAMPTZ, max(seen_at) + INTERVAL 1 MICROSECOND) AS seen_at,
    ($2::DATE - charge_day - 1)::INTEGER AS age_days,
    coalesce(any_value(amount) FILTER (is_found), 0)::DECIMAL(38, 18) AS amount
FROM both_sides
GROUP BY billing_currency, provider_name, billing_account_id, charge_day
HAVING any_value(amount) FILTER (NOT is_found) IS DISTINCT FROM coalesce(any_value(amount) FILTER (is_found), 0)
