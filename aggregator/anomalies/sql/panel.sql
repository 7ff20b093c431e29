-- Usage cost by series and day. Grain: currency, provider, account, service, user; the days and amounts of each as lists.
-- Values: snapshot, first day, last day. The sums are exact; only the results are DOUBLEs, for detection alone.
WITH daily AS (
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
)
SELECT currency, provider, account, service, user, list(day_index) AS days, list(amount) AS amounts
FROM daily
GROUP BY ALL
ORDER BY currency, provider, account, service, user
