-- Settings of tables, which DuckLake accepts only for committed ones; set anew whenever the schema is brought up
-- to date.
-- One ledger line is small and its commit must be short: keep such rows in the catalog until maintenance.
CALL lake.set_option('data_inlining_row_limit', 5000, table_name => 'ledger');
CALL lake.set_option('data_inlining_row_limit', 1000, table_name => 'rejected_rows');
CALL lake.set_option('data_inlining_row_limit', 0, table_name => 'charges');
