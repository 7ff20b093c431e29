-- Rows and billed totals of loads ($1), as their commits have written them. Grain: one load.
SELECT load_id, rows_loaded, billed_totals FROM ledger WHERE state = 'loaded' AND load_id IN (SELECT unnest($1))
