-- The newest entry of the objects that a text names. Grain: one row.
-- Parameters: $1 the text, $2 the text as an absolute path of a local file.
SELECT scope, state, reason
FROM ledger
WHERE entry_id = $1 OR scope = $1 OR key = $1 OR (bucket = 'file:' AND key = $2)
ORDER BY rowid DESC
LIMIT 1
