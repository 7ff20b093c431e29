-- The fate of each load in the feed, and the ledger entries that decided it. Grain: load_id.
-- net_rows: rows at the end minus rows at the beginning. first_snapshot_id: the snapshot of its first rows in the feed.
-- passing: the load was added and removed, so it is at neither end. A load that maintenance moved to another file has the
-- same net_rows, but no entry removed it.
CREATE OR REPLACE TEMP TABLE restatement_loads AS
WITH loads AS (
    SELECT
        load_id,
        sum(direction * charge_rows)::BIGINT AS net_rows,
        min(snapshot_id) FILTER (direction > 0) AS first_snapshot_id
    FROM restatement_feed
    GROUP BY load_id
),
loaded AS (
    SELECT * FROM restatement_entries WHERE loaded IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY loaded ORDER BY number) = 1
),
replaced AS (
    SELECT * FROM restatement_entries WHERE replaced IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY replaced ORDER BY number DESC) = 1
)
SELECT
    l.load_id,
    net_rows,
    first_snapshot_id,
    net_rows = 0 AND first_snapshot_id IS NOT NULL AND b.number IS NOT NULL AND t.number IS NOT NULL AS passing,
    b.number AS loaded_by,
    t.number AS replaced_by,
    coalesce(b.file, l.load_id) AS loaded_file,
    coalesce(t.file, b.file, l.load_id) AS replaced_file,
    CASE WHEN b.restates THEN 'restated' ELSE 'new' END AS loaded_kind
FROM loads AS l
LEFT JOIN loaded AS b ON b.loaded = l.load_id
LEFT JOIN replaced AS t ON t.replaced = l.load_id
