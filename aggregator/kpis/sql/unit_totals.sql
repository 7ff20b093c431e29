-- All compared usage, the part of it that tells a price, and the part that has one in both periods. Grain: currency.
WITH usage AS (
    SELECT
        currency,
        sum(charge_rows) FILTER (current)::BIGINT AS usage_rows,
        coalesce(sum(charge_rows) FILTER (current AND is_priced AND price_sku IS NOT NULL), 0)::BIGINT AS priced_rows,
        coalesce(sum(charge_rows) FILTER (current AND is_consumed AND unit_sku IS NOT NULL), 0)::BIGINT AS consumed_rows,
        sum(cost) FILTER (current) + 0::DECIMAL(38, 18) AS cost,
        sum(cost) FILTER (NOT current) + 0::DECIMAL(38, 18) AS cost_before
    FROM insight_unit_charges
    GROUP BY currency
),
matched AS (
    SELECT
        currency,
        sum(cost) + 0::DECIMAL(38, 18) AS matched_cost,
        sum(cost_before) + 0::DECIMAL(38, 18) AS matched_before,
        sum(expected) + 0::DECIMAL(38, 18) AS expected
    FROM insight_unit_prices
    WHERE kind = 'price' AND expected IS NOT NULL
    GROUP BY currency
)
SELECT usage.*, matched_cost, matched_before, expected
FROM usage
LEFT JOIN matched ON usage.currency IS NOT DISTINCT FROM matched.currency
