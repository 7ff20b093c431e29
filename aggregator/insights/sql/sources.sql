-- What each provider has delivered in each currency up to today, the one with the most charges first.
-- Grain: currency, provider. Parameter: today.
-- `late`: every active load that covers the newest day (of a monthly source: its month) was made 36 hours or more after its
-- end, so nothing more is to be expected. The ledger does not know providers: all loads of that day must be late.
WITH extents AS (
    SELECT
        currency,
        provider,
        min(charge_day) AS first_day,
        max(charge_day) AS newest_day,
        bool_and(day(charge_day) = 1) AS monthly,
        count(DISTINCT charge_day) FILTER (charge_day > $1 - 92) AS recent_days,
        sum(charge_rows)::BIGINT AS charge_rows
    FROM insight_cells
    WHERE charge_day <= $1
    GROUP BY currency, provider
),
ends AS (
    SELECT DISTINCT newest_day, monthly, if(monthly, last_day(newest_day), newest_day) + INTERVAL 60 HOUR AS settled_at
    FROM extents
),
loads AS (
    SELECT first_charge_day, last_charge_day, min(processed_at) AS processed_at
    FROM insight_active
    WHERE first_charge_day IS NOT NULL
    GROUP BY first_charge_day, last_charge_day
),
settled AS (
    SELECT newest_day, monthly, bool_and(processed_at AT TIME ZONE 'UTC' >= settled_at) AS late
    FROM ends
    JOIN loads ON newest_day BETWEEN first_charge_day AND last_charge_day
    GROUP BY newest_day, monthly
)
SELECT currency, provider, first_day, newest_day, monthly, recent_days, charge_rows, coalesce(late, false) AS late
FROM extents
LEFT JOIN settled USING (newest_day, monthly)
ORDER BY charge_rows DESC, provider NULLS LAST, currency NULLS LAST
