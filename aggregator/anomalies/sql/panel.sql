-- Usage cost by series and day. Grain: currency, provider, account, service, user, day.
-- Values: snapshot, first day, last day. The sum is exact; only its result is a DOUBLE, for detection alone.
SELECT
    billing_currency AS currency,
    provider_name AS provider,
    coalesce(sub_account_id, billing_account_id) AS account,
    service_name AS service,
    x_user_id AS user,
    charge_day - $2::DATE AS day_index,
    sum(coalesce(effective_cost, billed_cost))::DOUBLE AS amount
FROM cost_cells AT (VERSION => $1)
WHERE charge_day BETWEEN $2 AND $3
    AND coalesce(charge_category, 'Usage') = 'Usage'
    AND charge_class IS DISTINCT FROM 'Correction'
GROUP BY ALL
HAVING amount IS NOT NULL
ORDER BY ALL
