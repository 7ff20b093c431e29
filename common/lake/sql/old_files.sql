-- The files that no snapshot needs since before $1, the $2 oldest. Grain: one file. {catalog} is the catalog database.
SELECT data_file_id, path, path_is_relative::BOOLEAN
FROM {catalog}.ducklake_files_scheduled_for_deletion
WHERE schedule_start::TIMESTAMPTZ < $1
ORDER BY schedule_start::TIMESTAMPTZ, data_file_id
LIMIT $2
