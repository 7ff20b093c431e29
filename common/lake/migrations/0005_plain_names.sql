-- Names that a stranger understands: the time when an object version was processed, and the loads that are active.
DROP VIEW deliveries;
DROP VIEW quarantined_rows;
DROP VIEW latest_entries;
DROP VIEW current_loads;
ALTER TABLE ledger RENAME COLUMN settled_at TO processed_at;

-- Grain: one scope that has rows in force, with the ledger line that put them there.
CREATE VIEW active_loads AS
SELECT l.*
FROM ledger l
WHERE l.state = 'loaded'
  AND NOT EXISTS (
      SELECT 1 FROM ledger r
      WHERE r.previous_load_id = l.load_id AND r.load_id IS DISTINCT FROM l.load_id
  );

-- Grain: one scope, with the ledger line that tells its state. A stale event has changed nothing, so it tells none.
-- DuckLake numbers rows in the order of their commits; an entry_id is older than its commit, and a line that had to
-- wait for another one may have the smaller id.
CREATE VIEW latest_entries AS
SELECT * FROM ledger
WHERE state <> 'stale'
QUALIFY row_number() OVER (PARTITION BY scope_id ORDER BY rowid DESC) = 1;

-- Grain: one rejected record of a load that is in force, or of a file that could not be loaded at all.
CREATE VIEW quarantined_rows AS
SELECT r.*
FROM rejected_rows r
WHERE r.entry_id IN (SELECT load_id FROM active_loads)
   OR r.entry_id IN (SELECT entry_id FROM latest_entries WHERE state = 'quarantined');

-- Grain: one scope of deliveries (an export and a billing period) with the delivery in force.
CREATE VIEW deliveries AS
WITH delivered AS (
    SELECT d.*
    FROM ledger d
    WHERE d.state = 'delivered' AND d.load_id = d.entry_id
      AND NOT EXISTS (
          SELECT 1 FROM ledger r
          WHERE r.previous_load_id = d.load_id AND r.load_id IS DISTINCT FROM d.load_id
      )
),
part AS (
    SELECT p.delivery_id, l.load_id, l.rows_loaded, l.rows_rejected, l.size_bytes, l.billed_totals
    FROM ledger p
    JOIN delivered d ON d.entry_id = p.delivery_id
    JOIN ledger l ON l.entry_id = p.load_id
    WHERE p.state IN ('loaded', 'unchanged') AND l.state = 'loaded'
),
amount AS (
    SELECT delivery_id, entry.key AS currency, sum(entry.value) AS billed
    FROM (SELECT delivery_id, unnest(map_entries(billed_totals)) AS entry FROM part)
    GROUP BY ALL
),
totals AS (
    SELECT delivery_id, map_from_entries(list((currency, billed) ORDER BY currency)) AS billed_totals
    FROM amount
    GROUP BY delivery_id
),
counts AS (
    SELECT
        delivery_id,
        count(*) AS parts,
        sum(rows_loaded)::BIGINT AS rows_loaded,
        sum(rows_rejected)::BIGINT AS rows_rejected,
        sum(size_bytes)::BIGINT AS size_bytes
    FROM part
    GROUP BY delivery_id
),
manifest AS (
    SELECT delivery_id, bucket, key FROM ledger WHERE state = 'delivered' AND load_id IS NULL
)
SELECT
    d.entry_id AS delivery_id,
    d.scope,
    m.bucket,
    m.key AS manifest_key,
    coalesce(c.parts, 0) AS parts,
    coalesce(c.rows_loaded, 0) AS rows_loaded,
    coalesce(c.rows_rejected, 0) AS rows_rejected,
    c.size_bytes,
    t.billed_totals,
    d.event_time AS delivered_at,
    d.processed_at
FROM delivered d
LEFT JOIN manifest m ON m.delivery_id = d.entry_id
LEFT JOIN counts c ON c.delivery_id = d.entry_id
LEFT JOIN totals t ON t.delivery_id = d.entry_id;
