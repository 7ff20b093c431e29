-- The rules of quality that rows of active loads break. Grain: rule, severity.
-- Parameters: the snapshot to read; how many names.
SELECT
    rule,
    severity,
    sum(rows_failed)::BIGINT AS rows_failed,
    count(*) AS files,
    list_slice(list(scope ORDER BY rows_failed DESC, scope), 1, $2) AS names
FROM active_findings AT (VERSION => $1)
GROUP BY rule, severity
ORDER BY severity, rows_failed DESC, rule
