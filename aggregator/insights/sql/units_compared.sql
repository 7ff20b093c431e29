-- The quantities that each comparison sets against each other, over all currencies. Grain: unit, comparison.
-- Parameters: $1 the snapshot to read; as lists: $2 comparisons, $3 currencies, $4 providers, $5 first days, $6 last days,
-- $7 first days before, $8 last days before; $9 a day.
WITH windows AS (
    SELECT
        unnest($2::VARCHAR[]) AS comparison,
        unnest($3::VARCHAR[]) AS currency,
        unnest($4::VARCHAR[]) AS provider,
        unnest($5::DATE[]) AS first_day,
        unnest($6::DATE[]) AS last_day,
        unnest($7::DATE[]) AS first_before,
        unnest($8::DATE[]) AS last_before
),
entries AS (
    SELECT charge_day, billing_currency, provider_name, unnest(map_entries(consumed_quantity)) AS entry
    FROM cost_cells AT (VERSION => $1)
    WHERE charge_day >= $9
)
SELECT
    entry.key AS unit,
    comparison,
    coalesce(sum(entry.value) FILTER (charge_day >= first_day), 0) + 0::DECIMAL(38, 18) AS amount,
    coalesce(sum(entry.value) FILTER (charge_day <= last_before), 0) + 0::DECIMAL(38, 18) AS before
FROM entries
JOIN windows
    ON billing_currency IS NOT DISTINCT FROM currency AND provider_name IS NOT DISTINCT FROM provider
WHERE charge_day BETWEEN first_day AND last_day OR charge_day BETWEEN first_before AND last_before
GROUP BY entry.key, comparison
