-- Exact usage cost of the days of incidents. Grain: anomaly_id. Incidents whose days have no charges are left out.
-- Parameters: the snapshot to read; seven lists of one length: anomaly_id, currency, provider, account, service, user, day.
WITH wanted AS (
    SELECT
        unnest($2::VARCHAR[]) AS anomaly_id,
        unnest($3::VARCHAR[]) AS currency,
        unnest($4::VARCHAR[]) AS provider,
        unnest($5::VARCHAR[]) AS account,
        unnest($6::VARCHAR[]) AS service,
        unnest($7::VARCHAR[]) AS user_id,
        unnest($8::DATE[]) AS day
)
SELECT w.anomaly_id, sum(coalesce(c.effective_cost, c.billed_cost)) + 0::DECIMAL(38, 18) AS actual
FROM cost_cells AS c AT (VERSION => $1)
JOIN wanted AS w
    ON c.charge_day = w.day
    AND c.billing_currency IS NOT DISTINCT FROM w.currency
    AND c.provider_name IS NOT DISTINCT FROM w.provider
    AND coalesce(c.sub_account_id, c.billing_account_id) IS NOT DISTINCT FROM w.account
    AND c.service_name IS NOT DISTINCT FROM w.service
    AND c.x_user_id IS NOT DISTINCT FROM w.user_id
WHERE coalesce(c.charge_category, 'Usage') = 'Usage'
    AND c.charge_class IS DISTINCT FROM 'Correction'
    AND c.charge_day BETWEEN $9 AND $10
GROUP BY w.anomaly_id
HAVING actual IS NOT NULL
