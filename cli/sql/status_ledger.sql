-- Objects by the state of their newest ledger entry. Grain: one state.
-- Parameter: $1 the bucket that stands for exports, whose entries are no objects.
SELECT state, count(*) AS objects, min(processed_at) AS oldest
FROM latest_entries
WHERE bucket <> $1
GROUP BY state
ORDER BY state
