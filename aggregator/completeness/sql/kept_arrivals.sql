-- The rows of day_arrivals that are needed: of each charge day that is still recorded, the last amount of each age.
-- Grain: billing_currency, provider_name, billing_account_id, charge_day, age_days.
-- Parameters: $1 the UTC day of the refresh, $2 how many days are recorded.
CREATE OR REPLACE TEMP TABLE kept_arrivals AS
SELECT
    billing_currency,
    provider_name,
    billing_account_id,
    charge_day,
    max(seen_at) AS seen_at,
    age_days,
    arg_max(amount, seen_at) AS amount
FROM day_arrivals
WHERE charge_day > $1::DATE - $2::INTEGER
GROUP BY billing_currency, provider_name, billing_account_id, charge_day, age_days
