-- The usage of each currency and period, and the part without a value of each tag key, as TaggedCosts.formula says.
-- Grain: currency, period, key. Parameters: $1 the snapshot to read, $2 the keys, $3 a day; NULL where no keys are configured.
WITH usage AS (
    SELECT
        currency,
        period,
        tags,
        sum(charge_rows)::BIGINT AS charge_rows,
        sum(effective_rows)::BIGINT AS effective_rows,
        sum(effective_cost) AS effective_cost
    FROM cost_cells AT (VERSION => $1)
    JOIN insight_currency_periods
        ON currency IS NOT DISTINCT FROM billing_currency AND charge_day BETWEEN first_day AND last_day
    WHERE charge_day >= $3
      AND charge_category = 'Usage'
      AND charge_class IS DISTINCT FROM 'Correction'
    GROUP BY ALL
),
told AS (
    SELECT *, json_extract_string(tags, '/' || replace(replace(key, '~', '~0'), '/', '~1')) AS value
    FROM usage
    CROSS JOIN (SELECT unnest($2::VARCHAR[]) AS key)
)
SELECT
    currency,
    period,
    key,
    sum(effective_cost) + 0::DECIMAL(38, 18) AS usage,
    if(usage IS NULL, NULL, coalesce(sum(effective_cost) FILTER (value IS NULL), 0) + 0::DECIMAL(38, 18)) AS untagged,
    sum(charge_rows)::BIGINT AS usage_rows,
    coalesce(sum(charge_rows) FILTER (value IS NULL), 0)::BIGINT AS untagged_rows,
    sum(effective_rows)::BIGINT AS costed_rows
FROM told
GROUP BY currency, period, key
