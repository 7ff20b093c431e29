-- The days that each currency covers; the currency with the most charges first. Grain: billing_currency.
WITH steps AS (
    SELECT
        billing_currency,
        charge_day,
        charge_rows,
        lag(charge_day) OVER (PARTITION BY billing_currency ORDER BY charge_day) AS day_before
    FROM insight_days
)
SELECT
    billing_currency AS currency,
    min(charge_day) AS first_charge_day,
    max(charge_day) AS last_charge_day,
    (max(charge_day) - min(charge_day) + 1 - count(*))::BIGINT AS missing_days,
    coalesce(
        list(
            struct_pack(first_day := (day_before + INTERVAL 1 DAY)::DATE, last_day := (charge_day - INTERVAL 1 DAY)::DATE)
            ORDER BY charge_day
        ) FILTER (charge_day - day_before > 1),
        []
    ) AS gaps
FROM steps
GROUP BY billing_currency
ORDER BY sum(charge_rows) DESC, billing_currency NULLS LAST
