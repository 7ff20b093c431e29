-- The usage of each recent day that had arrived at each age at which it changed.
-- Grain: currency, provider, charge_day, age_days. Parameters: $1 the snapshot to read, $2 today, $3 how many days.
WITH last_of_age AS (
    SELECT
        billing_currency,
        provider_name,
        billing_account_id,
        charge_day,
        age_days,
        arg_max(amount, seen_at) AS amount
    FROM day_arrivals AT (VERSION => $1)
    WHERE charge_day BETWEEN $2::DATE - $3::INTEGER + 1 AND $2::DATE AND charge_day + age_days + 1 <= $2::DATE
    GROUP BY ALL
),
-- Accounts arrive on days of their own: each adds what it has more than at its age before.
steps AS (
    SELECT
        *,
        amount - lag(amount, 1, 0) OVER (
            PARTITION BY billing_currency, provider_name, billing_account_id, charge_day ORDER BY age_days
        ) AS more
    FROM last_of_age
),
ages AS (
    SELECT billing_currency, provider_name, charge_day, age_days, sum(more) AS more
    FROM steps
    GROUP BY ALL
)
SELECT
    billing_currency AS currency,
    provider_name AS provider,
    charge_day,
    age_days,
    (sum(more) OVER (PARTITION BY billing_currency, provider_name, charge_day ORDER BY age_days))::DECIMAL(38, 18) AS amount
FROM ages
ORDER BY currency NULLS LAST, provider NULLS LAST, charge_day, age_days
