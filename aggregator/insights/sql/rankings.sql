-- The names with the largest amounts in the last 30 days, and one row for all others together.
-- Grain: meter, dimension, place (1 and up; the others come last). Parameter: how many names.
WITH named AS (
    SELECT
        meter,
        dimension,
        name,
        coalesce(sum(amount) FILTER (period = 'last_30_days'), 0::DECIMAL(38, 18)) AS amount,
        sum(amount) FILTER (period = 'previous_30_days') AS previous
    FROM insight_amounts
    JOIN insight_periods ON charge_day BETWEEN first_day AND last_day
    WHERE dimension <> 'total' AND period IN ('last_30_days', 'previous_30_days')
    GROUP BY meter, dimension, name
),
placed AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY meter, dimension ORDER BY amount DESC, previous DESC NULLS LAST, name NULLS LAST)
            AS place
    FROM named
)
SELECT
    meter,
    dimension,
    least(place, $1 + 1) AS place,
    CASE WHEN place <= $1 THEN name END AS name,
    sum(amount) + 0::DECIMAL(38, 18) AS amount,
    sum(previous) + 0::DECIMAL(38, 18) AS previous,
    count(*) AS names
FROM placed
GROUP BY ALL
ORDER BY meter, dimension, place
