-- The newest decision behind each file's part, and the number of decisions. Grain: kind, file.
CREATE OR REPLACE TEMP TABLE restatement_causes AS
WITH moves AS (
    SELECT loaded_kind AS kind, loaded_file AS file, loaded_by AS number
    FROM restatement_loads
    WHERE net_rows > 0 OR passing
    UNION
    SELECT 'restated', replaced_file, replaced_by
    FROM restatement_loads
    WHERE net_rows < 0 OR passing
)
SELECT
    moves.kind,
    moves.file,
    count(DISTINCT cause_id) AS decisions,
    arg_max(cause_id, number) AS entry_id,
    arg_max(state, number) AS state,
    arg_max(processed_at, number) AS processed_at
FROM moves
JOIN restatement_entries USING (number)
GROUP BY ALL
