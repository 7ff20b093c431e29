-- The active loads, read once. Grain: load_id. Parameter: the snapshot to read.
SELECT load_id, scope, processed_at, first_charge_day, last_charge_day, rows_rejected, tags_unread, records_left_out
FROM active_loads AT (VERSION => $1)
