-- What the metrics tell of the lake, as of its newest snapshot. Grain: one gauge and label; `since` is the oldest time behind it.
-- Parameters: $1 the bucket that stands for exports, whose entries are no objects; $2 today, $3 the moment
-- before which a target that was last seen then is not waited for. {metadata} is the catalog database.
SELECT 'ledger' AS gauge, state AS label, count(*) AS amount, min(processed_at) AS since
FROM latest_entries
WHERE bucket <> $1
GROUP BY state
UNION ALL
SELECT 'overlaps', '', count(*), NULL FROM export_overlaps
UNION ALL
SELECT 'anomalies', tier, count(*), NULL FROM anomalies WHERE state = 'open' GROUP BY tier
UNION ALL
SELECT 'quality', severity, count(*), NULL FROM active_findings GROUP BY severity
UNION ALL
SELECT 'budgets', '', count(DISTINCT budget), NULL FROM budget_states WHERE state = 'firing' AND last_day >= $2
UNION ALL
SELECT 'outbox', state, count(*), min(queued_at) FROM alert_deliveries WHERE state <> 'sent' GROUP BY state
UNION ALL
SELECT
    'followers',
    CASE
        WHEN seen_at < $3 THEN 'away'
        WHEN refreshed_at IS NOT DISTINCT FROM (SELECT max(refreshed_at) FROM watermark) THEN 'current'
        ELSE 'behind'
    END AS state,
    count(*),
    NULL
FROM followers
GROUP BY state
UNION ALL
SELECT 'files', 'data', count(*), NULL FROM {metadata}.ducklake_data_file WHERE end_snapshot IS NULL
UNION ALL
SELECT 'files', 'deletes', count(*), NULL FROM {metadata}.ducklake_delete_file WHERE end_snapshot IS NULL
UNION ALL
SELECT 'files', 'to_remove', count(*), NULL FROM {metadata}.ducklake_files_scheduled_for_deletion
UNION ALL
SELECT 'bytes', '', coalesce(sum(file_size_bytes), 0), NULL FROM {metadata}.ducklake_data_file WHERE end_snapshot IS NULL
UNION ALL
SELECT 'snapshots', '', count(*), NULL FROM {metadata}.ducklake_snapshot
