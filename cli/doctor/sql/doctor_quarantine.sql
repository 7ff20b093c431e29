-- The most frequent reasons of objects in quarantine. Grain: one reason. Parameter: $1 the state.
SELECT count(*) AS objects, reason, min(processed_at) AS since
FROM latest_entries
WHERE state = $1
GROUP BY reason
ORDER BY objects DESC, since
LIMIT 5
