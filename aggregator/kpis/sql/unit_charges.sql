-- Usage by SKU and unit, of the compared days and of the days before.
-- Grain: currency, provider, service, price_sku, unit_sku, price_unit, consumed_unit, current, is_priced, is_consumed.
-- Its cost is the effective cost where it is told, else the billed cost; zero beside a billed cost is not told.
-- Parameters: $1 the snapshot to read; lists of $2 currencies, $3 providers, $4 first days, $5 last days, $6 first days
-- before, $7 last days before; $8 the first and $9 the last day of all.
WITH compared AS (
    SELECT
        currency,
        provider,
        first_day::TIMESTAMP AT TIME ZONE 'UTC' AS starts,
        (last_day + 1)::TIMESTAMP AT TIME ZONE 'UTC' AS ends,
        first_before::TIMESTAMP AT TIME ZONE 'UTC' AS starts_before,
        (last_before + 1)::TIMESTAMP AT TIME ZONE 'UTC' AS ends_before
    FROM (
        SELECT
            unnest($2::VARCHAR[]) AS currency,
            unnest($3::VARCHAR[]) AS provider,
            unnest($4::DATE[]) AS first_day,
            unnest($5::DATE[]) AS last_day,
            unnest($6::DATE[]) AS first_before,
            unnest($7::DATE[]) AS last_before
    )
),
usage AS (
    SELECT
        currency,
        provider,
        service_name AS service,
        coalesce(sku_price_id, sku_id, sku_meter) AS price_sku,
        coalesce(sku_id, sku_meter, sku_price_id) AS unit_sku,
        CASE WHEN pricing_quantity IS NOT NULL THEN coalesce(pricing_unit, '') ELSE consumed_unit END AS price_unit,
        consumed_unit,
        charge_period_start >= starts AS current,
        coalesce(pricing_quantity, consumed_quantity) AS priced,
        consumed_quantity AS consumed,
        CASE
            WHEN effective_cost = 0 AND billed_cost <> 0 THEN billed_cost
            ELSE coalesce(effective_cost, billed_cost)
        END AS cost
    FROM charges AT (VERSION => $1)
    JOIN compared
        ON billing_currency IS NOT DISTINCT FROM currency
        AND coalesce(provider_name, service_provider_name, invoice_issuer_name, publisher_name) IS NOT DISTINCT FROM provider
    WHERE charge_period_start >= $8::DATE::TIMESTAMP AT TIME ZONE 'UTC'
        AND charge_period_start < ($9::DATE + 1)::TIMESTAMP AT TIME ZONE 'UTC'
        AND (
            (charge_period_start >= starts AND charge_period_start < ends)
            OR (charge_period_start >= starts_before AND charge_period_start < ends_before)
        )
        AND coalesce(charge_category, 'Usage') = 'Usage'
        AND charge_class IS DISTINCT FROM 'Correction'
        AND commitment_discount_status IS DISTINCT FROM 'Unused'
)
SELECT
    currency,
    provider,
    service,
    price_sku,
    unit_sku,
    price_unit,
    consumed_unit,
    current,
    cost IS NOT NULL AND priced IS NOT NULL AS is_priced,
    cost IS NOT NULL AND consumed IS NOT NULL AS is_consumed,
    count(*) AS charge_rows,
    sum(cost) AS cost,
    sum(priced) AS priced,
    sum(consumed) AS consumed
FROM usage
GROUP BY ALL
