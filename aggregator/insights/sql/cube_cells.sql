-- The billed and effective cost of the cells of the interactive page, bounded by $5 and $6 combinations of names.
-- Grain: grain, period, currency, provider, account, service, region, user, category, folded. grain: day or month.
-- Parameters: $1 the snapshot to read, $2 the first month, $3 the first day, $4 the last day, $5 the combinations that keep all
-- their names, $6 those of a currency, provider, account and service that keep these; of days, a quarter of each.
-- folded: 0 all names are kept; 1 region and user are folded; 2 account and service too. Category is never folded.
WITH months AS (
    SELECT
        'month' AS grain,
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
days AS (
    SELECT
        'day' AS grain,
        charge_day AS period,
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
    WHERE charge_day BETWEEN $3 AND $4
    GROUP BY ALL
),
full_names AS (
    SELECT
        currency, provider, account, service, region, user,
        row_number() OVER (ORDER BY size DESC, currency, provider, account, service, region, user) AS place
    FROM (
        SELECT currency, provider, account, service, region, user, sum(abs(coalesce(billed, effective, 0))) AS size
        FROM months
        GROUP BY ALL
    )
    QUALIFY place <= $5
),
services AS (
    SELECT
        currency, provider, account, service,
        row_number() OVER (ORDER BY size DESC, currency, provider, account, service) AS place
    FROM (
        SELECT currency, provider, account, service, sum(abs(coalesce(billed, effective, 0))) AS size
        FROM months
        GROUP BY ALL
    )
    QUALIFY place <= $6
),
placed AS (
    SELECT
        c.*,
        CASE
            WHEN f.place <= CASE grain WHEN 'month' THEN $5 ELSE $5 // 4 END THEN 0
            WHEN s.place <= CASE grain WHEN 'month' THEN $6 ELSE $6 // 4 END THEN 1
            ELSE 2
        END AS folded
    FROM (FROM months UNION ALL FROM days) AS c
    LEFT JOIN full_names AS f
        ON c.currency IS NOT DISTINCT FROM f.currency AND c.provider IS NOT DISTINCT FROM f.provider
        AND c.account IS NOT DISTINCT FROM f.account AND c.service IS NOT DISTINCT FROM f.service
        AND c.region IS NOT DISTINCT FROM f.region AND c.user IS NOT DISTINCT FROM f.user
    LEFT JOIN services AS s
        ON c.currency IS NOT DISTINCT FROM s.currency AND c.provider IS NOT DISTINCT FROM s.provider
        AND c.account IS NOT DISTINCT FROM s.account AND c.service IS NOT DISTINCT FROM s.service
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
