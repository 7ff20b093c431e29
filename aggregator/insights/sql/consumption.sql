-- Consumed quantities by unit and period, over all currencies; the unit with the most charges first. Grain: unit, period.
-- Parameters, as lists: $1 names of periods, $2 first days, $3 last days.
WITH periods AS (
    SELECT unnest($1::VARCHAR[]) AS period, unnest($2::DATE[]) AS first_day, unnest($3::DATE[]) AS last_day
),
entries AS (
    SELECT charge_day, entry.key AS unit, entry.value AS quantity, consumed_rows[entry.key] AS charge_rows
    FROM (SELECT charge_day, consumed_rows, unnest(map_entries(consumed_quantity)) AS entry FROM insight_days)
)
SELECT
    unit,
    period,
    sum(quantity) + 0::DECIMAL(38, 18) AS amount,
    sum(sum(charge_rows) FILTER (period = 'all_time')) OVER (PARTITION BY unit)::BIGINT AS charge_rows
FROM entries
JOIN periods ON charge_day BETWEEN first_day AND last_day
GROUP BY unit, period
ORDER BY charge_rows DESC, unit, period
