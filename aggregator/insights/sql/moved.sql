-- The services of accounts with the largest change over the compared 30 days, up or down, and one row for all others together.
-- Grain: meter, place (1 and up; the others come last). Parameter: $1 how many.
WITH summed AS (
    SELECT
        p.meter,
        p.provider,
        account,
        service,
        coalesce(sum(amount) FILTER (charge_day BETWEEN first_day AND last_day), 0) + 0::DECIMAL(38, 18) AS amount,
        coalesce(sum(amount) FILTER (charge_day BETWEEN first_before AND last_before), 0) + 0::DECIMAL(38, 18) AS before
    FROM insight_parts AS p
    JOIN insight_windows AS w ON w.meter = p.meter AND w.provider IS NOT DISTINCT FROM p.provider
    WHERE comparison = 'thirty_days'
    GROUP BY p.meter, p.provider, account, service
),
placed AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY meter ORDER BY abs(amount - before) DESC, provider, account, service) AS place
    FROM summed
    WHERE amount <> before
)
SELECT
    meter,
    least(place, $1 + 1) AS place,
    CASE WHEN place <= $1 THEN provider END AS provider,
    CASE WHEN place <= $1 THEN account END AS account,
    CASE WHEN place <= $1 THEN service END AS service,
    sum(amount) + 0::DECIMAL(38, 18) AS amount,
    sum(before) + 0::DECIMAL(38, 18) AS before,
    count(*) AS names
FROM placed
GROUP BY ALL
ORDER BY meter, place
