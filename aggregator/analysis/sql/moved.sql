-- What differs between two snapshots in the usage cost of a series on a day. Grain: currency, provider, account, service,
-- user, day. Parameters: the later snapshot, the earlier one, first day, last day. `away`: later less earlier.
WITH amounts AS (
    FROM cost_cells AT (VERSION => $1) SELECT *, 1 AS way
    UNION ALL BY NAME
    FROM cost_cells AT (VERSION => $2) SELECT *, -1 AS way
)
SELECT
    billing_currency AS currency,
    provider_name AS provider,
    coalesce(sub_account_id, billing_account_id) AS account,
    service_name AS service,
    x_user_id AS user,
    charge_day - $3::DATE AS day_index,
    sum(way * coalesce(effective_cost, billed_cost))::DOUBLE AS away
FROM amounts
WHERE charge_day BETWEEN $3 AND $4
    AND coalesce(charge_category, 'Usage') = 'Usage'
    AND charge_class IS DISTINCT FROM 'Correction'
GROUP BY ALL
HAVING away <> 0
