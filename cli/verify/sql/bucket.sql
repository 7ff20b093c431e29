-- Objects of which the bucket and the catalog do not say the same. Grain: one object. What was settled after the listing began
-- is left out: the listing may be older than it.
-- Parameters: $1 the snapshot, $2 the bucket, $3 when the listing began.
WITH held AS (
    SELECT h.scope_id, h.state, h.etag, l.processed_at
    FROM verify_held h LEFT JOIN (SELECT entry_id, processed_at FROM ledger AT (VERSION => $1)) l ON l.entry_id = h.entry_id
    WHERE h.scope_id NOT IN (SELECT scope_id FROM verify_moving)
)
SELECT
    listed.scope, listed.key, held.state, held.etag AS held_etag, listed.etag AS listed_etag, listed.modified,
    CASE WHEN held.scope_id IS NULL THEN 'unknown' ELSE 'changed' END AS difference
FROM verify_listed AS listed
LEFT JOIN held ON held.scope_id = listed.scope_id
WHERE listed.included
  AND listed.scope_id NOT IN (SELECT scope_id FROM verify_moving)
  AND (
      held.scope_id IS NULL
      OR (
          (held.state IN ('removed', 'kept', 'missing') OR held.etag IS DISTINCT FROM listed.etag)
          AND (held.processed_at IS NULL OR held.processed_at < $3)
      )
  )
UNION ALL
SELECT told.scope, told.key, held.state, held.etag, NULL, NULL, 'gone'
FROM verify_in_force AS told
JOIN held ON held.scope_id = told.scope_id
WHERE told.bucket = $2
  AND held.state <> 'kept'
  AND held.processed_at < $3
  AND told.scope_id NOT IN (SELECT scope_id FROM verify_listed)
ORDER BY 1
