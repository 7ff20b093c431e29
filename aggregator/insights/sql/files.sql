-- Files by the newest state in the ledger. Grain: state. Parameter: the snapshot to read.
SELECT state, count(*) AS files, coalesce(sum(rows_rejected), 0)::BIGINT AS rows_rejected
FROM latest_entries AT (VERSION => $1)
WHERE bucket <> 'export:'  -- a delivery is counted by its manifest and its parts
GROUP BY state
ORDER BY state
