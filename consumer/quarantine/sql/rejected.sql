-- The rejected records of one ledger entry. Grain: one record.
-- Parameters: $1 the entry, $2 the number of records at most.
SELECT line, column_name, raw_value, raw_record, reason
FROM rejected_rows
WHERE entry_id = $1
ORDER BY line NULLS LAST, column_name
LIMIT $2
