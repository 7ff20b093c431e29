-- Objects whose rows are active, of buckets that are not configured, numbered from 0. Grain: one object.
-- A delivery is retracted by its manifest, so that its parts are left out; a run is a delivery without one. {guard} is the catalog's table of processed keys.
-- Parameter: $1 the configured buckets.
CREATE OR REPLACE TEMP TABLE sweep_foreign AS
WITH active AS (
    SELECT load_id FROM {guard} WHERE load_id IS NOT NULL
),
with_manifest AS (
    SELECT delivery_id FROM ledger WHERE state = 'delivered' AND load_id IS NULL AND delivery_id IS NOT NULL
),
foreign_rows AS (
    SELECT DISTINCT l.bucket, l.key
    FROM ledger l
    JOIN active a ON a.load_id = CASE WHEN l.state = 'delivered' THEN l.delivery_id ELSE l.entry_id END
    WHERE NOT list_contains($1, l.bucket)
      AND l.bucket NOT IN ('file:', 'message:', 'export:')
      AND (
          (l.state = 'loaded' AND coalesce(l.delivery_id NOT IN (SELECT load_id FROM active), true))
          OR (l.state = 'delivered' AND l.load_id IS NULL)
          OR (l.state = 'loaded' AND l.delivery_id NOT IN (SELECT delivery_id FROM with_manifest))
      )
)
SELECT row_number() OVER (ORDER BY bucket, key) - 1 AS number, bucket, key FROM foreign_rows
