-- The loads that a text names: by the id of a load or a delivery, by the object's URI or key, or by a manifest's. The newest first.
-- Grain: one load.
-- Parameters: $1 the text, $2 the text as an absolute path of a local file.
WITH named AS (
    SELECT * FROM ledger WHERE entry_id = $1 OR scope = $1 OR key = $1 OR (bucket = 'file:' AND key = $2)
),
delivered AS (
    SELECT DISTINCT coalesce(delivery_id, entry_id) AS delivery_id FROM named WHERE state = 'delivered'
)
SELECT load_id, max(processed_at) AS newest
FROM (
    SELECT load_id, processed_at FROM named WHERE state = 'loaded'
    UNION ALL
    SELECT p.load_id, p.processed_at
    FROM ledger AS p JOIN delivered AS d ON d.delivery_id = p.delivery_id
    WHERE p.state IN ('loaded', 'unchanged')
)
WHERE load_id IS NOT NULL
GROUP BY ALL
ORDER BY newest DESC, load_id DESC
