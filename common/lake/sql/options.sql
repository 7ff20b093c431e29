-- Settings of tables, which DuckLake accepts only for committed ones; set anew whenever the schema is brought up
-- to date.
-- One ledger line is small and its commit must be short: keep such rows in the catalog until maintenance.
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'ledger');
CALL lake.set_option('data_inlining_row_limit', 1000, table_name => 'rejected_rows');
CALL lake.set_option('data_inlining_row_limit', 0, table_name => 'charges');
CALL lake.set_option('data_inlining_row_limit', 0, table_name => 'billing_periods');
CALL lake.set_option('data_inlining_row_limit', 0, table_name => 'invoice_details');
-- A refresh writes hundreds of groups: Parquet takes them faster than the catalog does.
CALL lake.set_option('data_inlining_row_limit', 0, table_name => 'daily_costs');
CALL lake.set_option('data_inlining_row_limit', 0, table_name => 'user_costs');
CALL lake.set_option('data_inlining_row_limit', 0, table_name => 'service_costs');
CALL lake.set_option('data_inlining_row_limit', 0, table_name => 'region_costs');
CALL lake.set_option('data_inlining_row_limit', 0, table_name => 'cost_cells');
-- Most refreshes change a few days.
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'day_arrivals');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'budget_periods');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'budget_states');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'unit_metrics');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'changed_loads');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'watermark');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'load_coverage');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'quality_findings');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'export_preferences');
CALL lake.set_option('data_inlining_row_limit', 0, table_name => 'set_aside_charges');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'alerts');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'alert_deliveries');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'anomalies');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'anomaly_days');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'anomaly_series');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'anomaly_amounts');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'month_forecasts');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'analysis');
CALL lake.set_option('data_inlining_row_limit', 100, table_name => 'followers');
