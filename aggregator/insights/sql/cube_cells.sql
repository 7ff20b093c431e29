-- The billed and effective cost of the cells of the interactive page, bounded by $5 and $6 combinations of names.
-- Grain: grain, period, currency, provider, account, service, region, user, category, folded. grain: day or month.
-- Parameters: $1 the snapshot to read, $2 the first month, $3 the first day, $4 the last day, $5 the combinations that keep all
-- their names, $6 those of a currency, provider, account and service that keep these; of days, a quarter of each.
-- folded: 0 all names are kept; 1 region and user are folded; 2 account and service too. Category is never folded.
WITH months AS (
    SELECT
        date_trunc('month', charge_day)::DATE AS period,
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
names AS (
    SELECT currency, provider, account, service, region, user, sum(abs(coalesce(billed, effective, 0))) AS size
    FROM months
    GROUP BY ALL
),
services AS (
    SELECT
        currency, provider, account, service,
        row_number() OVER (ORDER BY sum(size) DESC, currency, provider, account, service) AS service_place
    FROM names
    GROUP BY currency, provider, account, service
),
ranked AS (
    SELECT
        n.*,
        service_place,
        row_number() OVER (ORDER BY size DESC, n.currency, n.provider, n.account, n.service, region, user) AS full_place
    FROM names AS n
    JOIN services AS s
        ON n.currency IS NOT DISTINCT FROM s.currency AND n.provider IS NOT DISTINCT FROM s.provider
        AND n.account IS NOT DISTINCT FROM s.account AND n.service IS NOT DISTINCT FROM s.service
),
-- Days are joined before they are summed: most of them end in few, folded groups.
cells AS (
    SELECT 'month' AS grain, 1 AS part, * FROM months
    UNION ALL
    SELECT
        'day',
        4,
        charge_day,
        billing_currency,
        provider_name,
        coalesce(sub_account_id, billing_account_id),
        service_name,
        region_id,
        x_user_id,
        charge_category,
        billed_cost,
        effective_cost
    FROM cost_cells AT (VERSION => $1)
    WHERE charge_day BETWEEN $3 AND $4
),
placed AS (
    SELECT c.*, CASE WHEN full_place <= $5 // part THEN 0 WHEN service_place <= $6 // part THEN 1 ELSE 2 END AS folded
    FROM cells AS c
    JOIN ranked AS r
        ON c.currency IS NOT DISTINCT FROM r.currency AND c.provider IS NOT DISTINCT FROM r.provider
        AND c.account IS NOT DISTINCT FROM r.account AND c.service IS NOT DISTINCT FROM r.service
        AND c.region IS NOT DISTINCT FROM r.region AND c.user IS NOT DISTINCT FROM r.user
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
FROM placed
GROUP BY ALL
ORDER BY ALL
