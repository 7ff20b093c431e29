-- The issuers of each provider's recent charges. Grain: provider, issuer.
-- Parameters: $1 the snapshot to read, $2 today, $3 false to read nothing, as no issuer lists billing periods.
SELECT DISTINCT
    coalesce(provider_name, service_provider_name, invoice_issuer_name, publisher_name) AS provider,
    lower(trim(invoice_issuer_name)) AS issuer
FROM charges AT (VERSION => $1)
WHERE $3 AND charge_period_start >= ($2::DATE - 130)::TIMESTAMP AT TIME ZONE 'UTC' AND invoice_issuer_name IS NOT NULL
