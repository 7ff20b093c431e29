-- Manifests in quarantine that lines about missing parts belong to. Grain: one manifest. Parameter: $1 those lines.
SELECT DISTINCT m.scope, m.bucket, m.key, m.entry_id
FROM ledger p
JOIN ledger m ON m.entry_id = p.delivery_id
WHERE p.entry_id IN (SELECT unnest($1)) AND p.state = 'missing' AND m.state = 'quarantined'
ORDER BY m.key
