-- Counts of the whole lake. Grain: one row.
SELECT
    (SELECT count(*) FROM active_loads) AS active_loads,
    (SELECT coalesce(sum(rows_loaded), 0)::BIGINT FROM active_loads) AS active_rows,
    (SELECT count(*) FROM quarantined_rows) AS rejected_rows,
    (SELECT count(*) FROM deliveries) AS active_deliveries,
    (SELECT max(processed_at) FROM ledger) AS newest_entry,
    (SELECT count(*) FROM set_aside_charges) AS rows_set_aside
