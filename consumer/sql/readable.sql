-- Objects of a bucket that could be read when they were processed, to find out whether they still can. Grain: one object,
-- at most five: of the newest hundred the smallest. Parts that await their manifest were never read, so they come last.
-- Parameters: $1 the bucket, $2 the scopes that are denied.
WITH newest AS (
    SELECT key, size_bytes, content_sha256 IS NULL AS unread
    FROM ledger
    WHERE bucket = $1 AND state IN ('loaded', 'unchanged', 'delivered', 'quarantined', 'skipped', 'awaiting_manifest')
        AND NOT list_contains($2, scope)
    ORDER BY processed_at DESC
    LIMIT 100
)
SELECT key
FROM newest
GROUP BY key
ORDER BY min(unread), min(size_bytes)
LIMIT 5
