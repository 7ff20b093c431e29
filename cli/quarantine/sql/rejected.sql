-- The records of one decision that did not fit. Grain: one record.
-- Parameters: $1 the ledger line of the decision, $2 how many to tell at most.
SELECT line, column_name, raw_value, raw_record, reason
FROM rejected_rows
WHERE entry_id = $1
ORDER BY line NULLS LAST, column_name
LIMIT $2
