-- Objects on which the buckets and the catalog differ. Grain: one object. Objects that were processed after the listing began
-- are left out: the listing may be older than their entries.
-- Parameters: $1 the snapshot, $2 the buckets, $3 when the listing began.
WITH in_catalog AS (
    SELECT c.scope_id, c.state, c.etag, l.processed_at
    FROM verify_catalog c
    LEFT JOIN (SELECT entry_id, processed_at FROM ledger AT (VERSION => $1)) l ON l.entry_id = c.entry_id
    WHERE c.scope_id NOT IN (SELECT scope_id FROM verify_moving)
)
SELECT
    listed.scope, listed.bucket, listed.key, c.state, c.etag AS catalog_etag, listed.etag AS listed_etag, listed.modified,
    CASE WHEN c.scope_id IS NULL THEN 'unknown' ELSE 'changed' END AS difference
FROM verify_listed AS listed
LEFT JOIN in_catalog AS c ON c.scope_id = listed.scope_id
WHERE listed.included
  AND listed.scope_id NOT IN (SELECT scope_id FROM verify_moving)
  AND (
      c.scope_id IS NULL
      OR (
          (c.state IN ('removed', 'kept', 'expired', 'missing') OR c.etag IS DISTINCT FROM listed.etag)
          AND (c.processed_at IS NULL OR c.processed_at < $3)
      )
  )
UNION ALL
SELECT active.scope, active.bucket, active.key, c.state, c.etag, NULL, NULL, 'gone'
FROM verify_active AS active
JOIN in_catalog AS c ON c.scope_id = active.scope_id
WHERE list_contains($2, active.bucket)
  AND c.state NOT IN ('kept', 'expired')
  AND c.processed_at < $3
  AND active.scope_id NOT IN (SELECT scope_id FROM verify_listed)
ORDER BY 1
