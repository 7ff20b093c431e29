-- Costs that are not usage, by day. Grain: currency, provider, account, service, kind, day.
-- Parameters: the snapshot to read, first day, last day.
SELECT
    billing_currency AS currency,
    provider_name AS provider,
    coalesce(sub_account_id, billing_account_id) AS account,
    service_name AS service,
    CASE WHEN charge_class = 'Correction' THEN 'Correction' ELSE charge_category END AS kind,
    charge_day AS day,
    sum(coalesce(effective_cost, billed_cost))::DOUBLE AS amount
FROM cost_cells AT (VERSION => $1)
WHERE charge_day BETWEEN $2 AND $3
    AND (charge_class = 'Correction' OR charge_category <> 'Usage')
GROUP BY ALL
HAVING amount <> 0
ORDER BY ALL
