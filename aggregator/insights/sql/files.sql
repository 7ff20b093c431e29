-- Files by the newest state in the ledger. Grain: state.
SELECT state, count(*) AS files, coalesce(sum(rows_rejected), 0)::BIGINT AS rows_rejected
FROM insight_latest
GROUP BY state
ORDER BY state
