-- What active loads break. Grain: one load and rule. Errors first, then the newest.
SELECT load_id, scope, key, profile, rule, severity, rows_failed, rows_loaded, found_at
FROM active_findings
ORDER BY severity = 'warning', found_at DESC, scope, rule
