-- The records of one load ($1), whatever became of them.
SELECT rows_loaded + rows_rejected + records_left_out FROM ledger WHERE state = 'loaded' AND load_id = $1
