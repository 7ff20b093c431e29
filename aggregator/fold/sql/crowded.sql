-- Tables that consist of many small files, which makes reading slow. Grain: one table.
-- Parameter: the limit. A large table may have one file for each megabyte: to rewrite it costs more than it saves.
SELECT table_name
FROM ducklake_table_info('lake')
WHERE file_count + delete_file_count > greatest($1, file_size_bytes // 1000000)
