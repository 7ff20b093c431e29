-- The ledger's lines that moved rows. Grain: one line.
-- brought is the load whose rows it brought, taken the one whose rows it took away. Lines of one cause belong together:
-- when one of them takes rows away, all of them restate. The cause of a delivery's lines is the delivery, and its file the
-- manifest; the cause of any other line is the line itself.
-- Parameter: the snapshot up to which they count. The ledger of today is read, as an older one may lack columns; its lines
-- are numbered in the order of their commits.
CREATE OR REPLACE TEMP TABLE restatement_lines AS
WITH lines AS (
    SELECT rowid AS number, *, coalesce(delivery_id, entry_id) AS cause_id
    FROM ledger
    WHERE rowid <= (SELECT max(rowid) FROM ledger AT (VERSION => $1))
      AND (load_id IS DISTINCT FROM previous_load_id OR state = 'delivered')
),
manifests AS (
    SELECT cause_id, min(scope) AS file
    FROM lines
    WHERE state = 'delivered' AND load_id IS NULL
    GROUP BY cause_id
)
SELECT
    number,
    cause_id,
    coalesce(m.file, l.scope) AS file,
    CASE WHEN m.file IS NULL THEN state ELSE 'delivered' END AS state,
    processed_at,
    CASE WHEN state = 'loaded' THEN load_id END AS brought,
    previous_load_id AS taken,
    bool_or(taken IS NOT NULL) OVER (PARTITION BY cause_id) AS restates
FROM lines AS l
LEFT JOIN manifests AS m USING (cause_id)
WHERE load_id IS DISTINCT FROM previous_load_id
