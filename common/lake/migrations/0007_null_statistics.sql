-- Every nullable column of charges may be NULL, and the catalog's statistics must say so.
--
-- Files are added with the columns that they have (ducklake_add_data_files, allow_missing => true). DuckLake does not
-- count a missing column as NULL in the table's statistics, and DuckDB believes these: after a file with an effective
-- cost in every row and one without the column, count(effective_cost) counts all rows, and IS NULL finds none.
-- A row of NULLs that goes again in the same transaction marks every column; statistics only ever widen.
INSERT INTO charges (load_id, charge_period_start) VALUES ('', TIMESTAMPTZ '2000-01-01 00:00:00+00');
DELETE FROM charges WHERE load_id = '';
