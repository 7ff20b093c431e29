-- The ledger entries that added or removed charges. Grain: one entry.
-- loaded is the load that the entry added, replaced the load that it removed. Entries with one cause belong together: when
-- one of them removes charges, all of them restate. The cause of a delivery's entries is the delivery, and its file is the
-- manifest; the cause of any other entry is the entry itself.
-- Parameter: the last snapshot whose entries count. The newest ledger is read, because an older one may lack columns; its
-- rows are numbered in the order of their commits.
CREATE OR REPLACE TEMP TABLE restatement_entries AS
WITH entries AS (
    SELECT rowid AS number, *, coalesce(delivery_id, entry_id) AS cause_id
    FROM ledger
    WHERE rowid <= (SELECT max(rowid) FROM ledger AT (VERSION => $1))
      AND (load_id IS DISTINCT FROM previous_load_id OR state = 'delivered')
),
manifests AS (
    SELECT cause_id, min(scope) AS file
    FROM entries
    WHERE state = 'delivered' AND load_id IS NULL
    GROUP BY cause_id
)
SELECT
    number,
    cause_id,
    coalesce(m.file, l.scope) AS file,
    CASE WHEN m.file IS NULL THEN state ELSE 'delivered' END AS state,
    processed_at,
    CASE WHEN state = 'loaded' THEN load_id END AS loaded,
    previous_load_id AS replaced,
    bool_or(replaced IS NOT NULL) OVER (PARTITION BY cause_id) AS restates
FROM entries AS l
LEFT JOIN manifests AS m USING (cause_id)
WHERE load_id IS DISTINCT FROM previous_load_id
