-- What became of each load in the feed, and by which lines of the ledger. Grain: load_id.
-- net_rows: rows at the end less rows at the beginning. came_at: the snapshot of its first rows in the feed. A passing load
-- came and went: it is at neither end. One that maintenance wrote into another file looks like it, but nothing took it.
CREATE OR REPLACE TEMP TABLE restatement_loads AS
WITH loads AS (
    SELECT
        load_id,
        sum(direction * charge_rows)::BIGINT AS net_rows,
        min(snapshot_id) FILTER (direction > 0) AS came_at
    FROM restatement_feed
    GROUP BY load_id
),
brought AS (
    SELECT * FROM restatement_lines WHERE brought IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY brought ORDER BY number) = 1
),
taken AS (
    SELECT * FROM restatement_lines WHERE taken IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY taken ORDER BY number DESC) = 1
)
SELECT
    l.load_id,
    net_rows,
    came_at,
    net_rows = 0 AND came_at IS NOT NULL AND b.number IS NOT NULL AND t.number IS NOT NULL AS passing,
    b.number AS brought_by,
    t.number AS taken_by,
    coalesce(b.file, l.load_id) AS brought_file,
    coalesce(t.file, b.file, l.load_id) AS taken_file,
    CASE WHEN b.restates THEN 'restated' ELSE 'new' END AS brought_kind
FROM loads AS l
LEFT JOIN brought AS b ON b.brought = l.load_id
LEFT JOIN taken AS t ON t.taken = l.load_id
