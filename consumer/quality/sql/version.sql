-- One load ($1), and the one that it replaced.
SELECT previous_load_id, rows_loaded, billed_totals FROM ledger WHERE state = 'loaded' AND load_id = $1
