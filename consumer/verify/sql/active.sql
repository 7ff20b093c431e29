-- Ledger entries whose loads are active: the view active_loads at one snapshot, and the deliveries, which are loads without
-- rows of their own. Grain: one entry.
-- Parameter: $1 the snapshot.
CREATE OR REPLACE TEMP TABLE verify_active AS
WITH entries AS (
    SELECT rowid AS number, * FROM ledger AT (VERSION => $1)
)
SELECT
    e.number, e.state, e.scope_id, e.scope, e.bucket, e.key, e.load_id, e.rows_loaded, e.processed_at,
    coalesce(e.table_name, 'charges') AS table_name,
    e.billed_totals, e.effective_totals, e.list_totals, e.contracted_totals,
    -- See consumer.decode.row_hash: version and columns, then the sum.
    split_part(e.rows_hash, ' ', 1) || ' ' || split_part(e.rows_hash, ' ', 2) AS hashed_by,
    split_part(e.rows_hash, ' ', 3)::HUGEINT AS hashed
FROM entries e
WHERE (e.state = 'loaded' OR (e.state = 'delivered' AND e.load_id = e.entry_id))
  AND NOT EXISTS (
      SELECT 1 FROM entries later
      WHERE later.previous_load_id = e.load_id AND later.load_id IS DISTINCT FROM e.load_id
  )
