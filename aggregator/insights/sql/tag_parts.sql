-- The amount of each meter of costs in the compared days and the days before, by tags. Grain: meter, tags.
-- Parameters: $1 the snapshot to read, $2 a day; NULL where no tag keys are configured: then nothing is read.
WITH days AS (
    SELECT * FROM insight_windows WHERE comparison IN ('thirty_days', 'alone')
)
SELECT
    m.meter,
    tags,
    sum(amount) FILTER (charge_day BETWEEN first_day AND last_day) + 0::DECIMAL(38, 18) AS amount,
    sum(amount) FILTER (charge_day BETWEEN first_before AND last_before) + 0::DECIMAL(38, 18) AS previous
FROM (
    SELECT
        meter,
        provider_name,
        charge_day,
        tags,
        CASE measure
            WHEN 'billed_cost' THEN billed_cost
            WHEN 'effective_cost' THEN effective_cost
            ELSE list_cost
        END AS amount
    FROM cost_cells AT (VERSION => $1)
    JOIN insight_meters ON currency IS NOT DISTINCT FROM billing_currency AND kind = 'cost'
    WHERE charge_day >= $2
) AS m
JOIN days AS d ON d.meter = m.meter AND d.provider IS NOT DISTINCT FROM m.provider_name
WHERE amount IS NOT NULL
GROUP BY m.meter, tags
HAVING amount IS NOT NULL OR previous IS NOT NULL
