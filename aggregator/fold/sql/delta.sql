-- The changes, summed in one pass for every rollup at once.
-- Grain: grouping_set (which of the keys the row has), the keys, and unit: NULL for charges without a consumed quantity.
-- grouping_set tells apart a key that is NULL in the charges from a key that the grouping set does not have.
-- Inserted charges count up, deleted ones count down.
CREATE OR REPLACE TEMP TABLE delta AS
WITH signed AS (
    SELECT
        direction,
        {columns},
        -- The zone's calendar takes sixteen times as long, and is needed for the two infinite days alone.
        CASE
            WHEN isfinite(charge_period_start) THEN make_timestamp(epoch_us(charge_period_start))::DATE
            ELSE (charge_period_start AT TIME ZONE 'UTC')::DATE
        END AS charge_day,
        CASE WHEN consumed_quantity IS NOT NULL THEN coalesce(consumed_unit, '') END AS unit,
        coalesce(provider_name, service_provider_name, invoice_issuer_name, publisher_name) AS provider_name,
        concat(
            CASE WHEN billed_cost IS NOT NULL THEN 'B' END,
            CASE WHEN effective_cost IS NOT NULL THEN 'E' END,
            CASE WHEN list_cost IS NOT NULL THEN 'L' END,
            CASE WHEN contracted_cost IS NOT NULL THEN 'C' END
        ) AS costs_told,
        CASE WHEN direction > 0 THEN billed_cost ELSE -billed_cost END AS billed_cost,
        CASE WHEN direction > 0 THEN effective_cost ELSE -effective_cost END AS effective_cost,
        CASE WHEN direction > 0 THEN list_cost ELSE -list_cost END AS list_cost,
        CASE WHEN direction > 0 THEN contracted_cost ELSE -contracted_cost END AS contracted_cost,
        CASE WHEN direction > 0 THEN consumed_quantity ELSE -consumed_quantity END AS quantity
    FROM {changes}
)
SELECT
    grouping_id({keys}) AS grouping_set,
    {keys},
    count(*) AS feed_rows,
    sum(direction)::BIGINT AS charge_rows,
    sum(billed_cost) AS billed_cost,
    coalesce(sum(direction) FILTER (billed_cost IS NOT NULL), 0)::BIGINT AS billed_rows,
    sum(effective_cost) AS effective_cost,
    coalesce(sum(direction) FILTER (effective_cost IS NOT NULL), 0)::BIGINT AS effective_rows,
    sum(list_cost) AS list_cost,
    coalesce(sum(direction) FILTER (list_cost IS NOT NULL), 0)::BIGINT AS list_rows,
    sum(contracted_cost) AS contracted_cost,
    coalesce(sum(direction) FILTER (contracted_cost IS NOT NULL), 0)::BIGINT AS contracted_rows,
    sum(quantity) AS quantity
FROM signed
GROUP BY GROUPING SETS ({grouping_sets})
