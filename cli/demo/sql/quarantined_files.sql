-- Files that could not be loaded at all. Grain: one file.
SELECT key, reason
FROM latest_entries
WHERE state = 'quarantined'
ORDER BY key
