-- The ledger's lines whose loads are in force: the view active_loads as a snapshot has it, and the deliveries, which are loads
-- without rows of their own. Grain: one line.
-- Parameter: $1 the snapshot.
CREATE OR REPLACE TEMP TABLE verify_in_force AS
WITH lines AS (
    SELECT rowid AS number, * FROM ledger AT (VERSION => $1)
)
SELECT l.number, l.state, l.scope_id, l.scope, l.bucket, l.key, l.load_id, l.rows_loaded, l.billed_totals, l.processed_at
FROM lines l
WHERE (l.state = 'loaded' OR (l.state = 'delivered' AND l.load_id = l.entry_id))
  AND NOT EXISTS (
      SELECT 1 FROM lines r
      WHERE r.previous_load_id = l.load_id AND r.load_id IS DISTINCT FROM l.load_id
  )
