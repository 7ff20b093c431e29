-- The tables that have become many small files, and so are slow to read. Grain: one table.
-- Parameter: how many files are many. A large table may have one for each megabyte: to write it anew costs more.
SELECT table_name
FROM ducklake_table_info('lake')
WHERE file_count + delete_file_count > greatest($1, file_size_bytes // 1000000)
