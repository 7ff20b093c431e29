-- The billed and effective cost of the cells of the interactive page, bounded by $5 and $6 combinations of names.
-- Grain: grain, period, currency, provider, account, service, region, user, category, folded. grain: day or month.
-- Parameters: $1 the snapshot to read, $2 the first month, $3 the first day, $4 the last day, $5 the combinations that keep all
-- their names, $6 those of a currency, provider, account and service that keep these; of days, a quarter of each.
-- folded: 0 all names are kept; 1 region and user are folded; 2 account and service too. Category is never folded.
WITH cells AS (
    SELECT
        charge_day,
        billing_currency AS currency,
        provider_name AS provider,
        coalesce(sub_account_id, billing_account_id) AS account,
        service_name AS service,
        region_id AS region,
        x_user_id AS user,
        charge_category AS category,
        sum(billed_cost) AS billed,
        sum(effective_cost) AS effective
    FROM cost_cells AT (VERSION => $1)
    WHERE charge_day BETWEEN $2 AND $4
    GROUP BY ALL
),
full_names AS (
    SELECT
        currency, provider, account, service, region, user,
        row_number() OVER (
            ORDER BY sum(abs(coalesce(billed, effective, 0))) DESC, currency, provider, account, service, region, user
        ) AS full_place
    FROM cells
    GROUP BY currency, provider, account, service, region, user
),
services AS (
    SELECT
        currency, provider, account, service,
        row_number() OVER (
            ORDER BY sum(abs(coalesce(billed, effective, 0))) DESC, currency, provider, account, service
        ) AS service_place
    FROM cells
    GROUP BY currency, provider, account, service
),
placed AS (
    SELECT c.*, full_place, service_place
    FROM cells AS c
    JOIN full_names AS f
        ON c.currency IS NOT DISTINCT FROM f.currency AND c.provider IS NOT DISTINCT FROM f.provider
        AND c.account IS NOT DISTINCT FROM f.account AND c.service IS NOT DISTINCT FROM f.service
        AND c.region IS NOT DISTINCT FROM f.region AND c.user IS NOT DISTINCT FROM f.user
    JOIN services AS s
        ON c.currency IS NOT DISTINCT FROM s.currency AND c.provider IS NOT DISTINCT FROM s.provider
        AND c.account IS NOT DISTINCT FROM s.account AND c.service IS NOT DISTINCT FROM s.service
),
grains AS (
    SELECT
        'month' AS grain,
        date_trunc('month', charge_day)::DATE AS period,
        CASE WHEN full_place <= $5 THEN 0 WHEN service_place <= $6 THEN 1 ELSE 2 END AS folded,
        *
    FROM placed
    UNION ALL
    SELECT
        'day',
        charge_day,
        CASE WHEN full_place <= $5 // 4 THEN 0 WHEN service_place <= $6 // 4 THEN 1 ELSE 2 END,
        *
    FROM placed
    WHERE charge_day >= $3
)
SELECT
    grain,
    period,
    currency,
    provider,
    CASE WHEN folded < 2 THEN account END AS account,
    CASE WHEN folded < 2 THEN service END AS service,
    CASE WHEN folded < 1 THEN region END AS region,
    CASE WHEN folded < 1 THEN user END AS user,
    category,
    folded,
    sum(billed) + 0::DECIMAL(38, 18) AS billed_cost,
    sum(effective) + 0::DECIMAL(38, 18) AS effective_cost
FROM grains
GROUP BY ALL
ORDER BY ALL
