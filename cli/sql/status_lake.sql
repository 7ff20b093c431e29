-- Counts of the whole lake. Grain: one row. {catalog} is the catalog database.
SELECT
    (SELECT count(*) FROM active_loads) AS active_loads,
    (SELECT coalesce(sum(rows_loaded), 0)::BIGINT FROM active_loads) AS active_rows,
    (SELECT count(*) FROM quarantined_rows) AS rejected_rows,
    (SELECT count(*) FROM deliveries) AS active_deliveries,
    (SELECT max(processed_at) FROM ledger) AS newest_entry,
    (SELECT count(*) FROM set_aside_charges) AS rows_set_aside,
    (SELECT count(*) FROM {catalog}.ducklake_data_file WHERE end_snapshot IS NULL) AS data_files,
    (SELECT count(*) FROM {catalog}.ducklake_snapshot) AS snapshots
