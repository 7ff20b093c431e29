-- Accounts and months that two or more exports tell of, so that their charges count more than once.
-- Grain: provider, account, month. Parameter: the snapshot to read.
SELECT
    provider_name AS provider,
    billing_account_id AS account,
    billing_month AS month,
    flatten(list(exports)) AS exports
FROM export_overlaps AT (VERSION => $1)
GROUP BY provider_name, billing_account_id, billing_month
ORDER BY month DESC, provider, account NULLS LAST
