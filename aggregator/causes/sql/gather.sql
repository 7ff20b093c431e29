-- The charges of the days that are compared, with one amount each. Grain: load, day, the dimensions, price and unit.
-- A day of both periods has in_before and in_after.
CREATE OR REPLACE TEMP TABLE cause_charges AS
WITH chosen AS (
    SELECT
        load_id,
        (charge_period_start AT TIME ZONE 'UTC')::DATE AS charge_day,
        {before_days} AS in_before,
        {after_days} AS in_after,
        {columns},
        sku_price_id AS price_id,
        CASE WHEN pricing_quantity IS NOT NULL THEN coalesce(pricing_unit, '') ELSE consumed_unit END AS unit,
        coalesce(pricing_quantity, consumed_quantity) AS quantity,
        {amount} AS amount
    FROM charges AT (VERSION => {version})
    WHERE {condition}
)
SELECT
    * EXCLUDE (quantity, amount),
    sum(quantity) AS quantity,
    sum(amount) AS amount,
    count(*) AS charge_rows,
    count(*) FILTER (amount IS NOT NULL AND quantity IS NULL) AS unmeasured
FROM chosen
GROUP BY ALL
