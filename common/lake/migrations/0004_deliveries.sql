-- Exports with manifests: several objects that replace the delivery before them as a whole.
--
-- New states of a line of the ledger:
-- * awaiting_manifest: the object is a part of a delivery whose manifest has not told of it yet; it was not loaded.
-- * delivered: the manifest's delivery is in force. There are two such lines: one of the manifest's object, without a load;
--   and one of the scope of the deliveries, export://bucket/export/period, whose load is the delivery itself (no row of
--   charges has it) and whose sequencer is the delivery's time.
-- * replaced: the object was a part of an earlier delivery, and its rows are not in force any more.
-- A part that a delivery brought anew is loaded, one that was in force already is unchanged.
ALTER TABLE ledger ADD COLUMN delivery_id VARCHAR;  -- entry_id of the delivery that the line belongs to; of a stale manifest, the newer delivery

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
    d.settled_at
FROM delivered d
LEFT JOIN manifest m ON m.delivery_id = d.entry_id
LEFT JOIN counts c ON c.delivery_id = d.entry_id
LEFT JOIN totals t ON t.delivery_id = d.entry_id;
