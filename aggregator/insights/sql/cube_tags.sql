-- The billed and effective cost by the value of each tag key; $6 values of a key and currency keep their name, of days a quarter.
-- Grain: key, grain, period, currency, value, folded. grain: day or month. folded: the value is of many.
-- Parameters: $1 the snapshot to read, $2 the first month, $3 the first day, $4 the last day (NULL: none is read), $5 the keys.
WITH cells AS (
    SELECT
        charge_day,
        billing_currency AS currency,
        tags,
        sum(billed_cost) AS billed,
        sum(effective_cost) AS effective
    FROM cost_cells AT (VERSION => $1)
    WHERE charge_day BETWEEN $2 AND $4
    GROUP BY ALL
),
told AS (
    SELECT
        key,
        charge_day,
        currency,
        -- A path that begins with a slash names a key as it is; only ~ and / are written otherwise.
        json_extract_string(tags, '/' || replace(replace(key, '~', '~0'), '/', '~1')) AS value,
        sum(billed) AS billed,
        sum(effective) AS effective
    FROM cells
    CROSS JOIN (SELECT unnest($5::VARCHAR[]) AS key)
    GROUP BY ALL
),
kept AS (
    SELECT
        key,
        currency,
        value,
        row_number() OVER (
            PARTITION BY key, currency ORDER BY sum(abs(coalesce(billed, effective, 0))) DESC, value
        ) AS place
    FROM told
    WHERE value IS NOT NULL
    GROUP BY key, currency, value
    QUALIFY place <= $6
),
grains AS (
    SELECT 'month' AS grain, date_trunc('month', charge_day)::DATE AS period, * FROM told
    UNION ALL
    SELECT 'day', charge_day, * FROM told WHERE charge_day >= $3
)
SELECT
    g.key,
    grain,
    period,
    g.currency,
    k.value,
    g.value IS NOT NULL AND k.value IS NULL AS folded,
    sum(billed) + 0::DECIMAL(38, 18) AS billed_cost,
    sum(effective) + 0::DECIMAL(38, 18) AS effective_cost
FROM grains AS g
LEFT JOIN kept AS k
    ON g.key = k.key AND g.currency IS NOT DISTINCT FROM k.currency AND g.value = k.value
    AND k.place <= CASE grain WHEN 'month' THEN $6 ELSE $6 // 4 END
GROUP BY ALL
ORDER BY ALL
