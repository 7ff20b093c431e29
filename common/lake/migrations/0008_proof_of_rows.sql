-- The ledger records enough of each load to prove its rows, whatever happens to the data files: the sums of all four costs,
-- and a hash of the rows. Loads from before have NULL here; of them `billstream verify` compares what is recorded.
ALTER TABLE ledger ADD COLUMN effective_totals MAP(VARCHAR, DECIMAL(38, 18));
ALTER TABLE ledger ADD COLUMN list_totals MAP(VARCHAR, DECIMAL(38, 18));
ALTER TABLE ledger ADD COLUMN contracted_totals MAP(VARCHAR, DECIMAL(38, 18));
ALTER TABLE ledger ADD COLUMN rows_hash VARCHAR;

COMMENT ON COLUMN ledger.effective_totals IS 'Sum of effective_cost of the load by billing currency, as billed_totals; NULL for loads from before it was recorded.';
COMMENT ON COLUMN ledger.list_totals IS 'Sum of list_cost of the load by billing currency, as billed_totals; NULL for loads from before it was recorded.';
COMMENT ON COLUMN ledger.contracted_totals IS 'Sum of contracted_cost of the load by billing currency, as billed_totals; NULL for loads from before it was recorded.';
COMMENT ON COLUMN ledger.rows_hash IS 'Sum of a hash of each row of the load, after how it was made: DuckDB version, and a bit for each column of charges.';

COMMENT ON COLUMN ledger.state IS 'Result: loaded, unchanged, stale, removed, kept, expired, skipped, quarantined, denied, failed, missing, awaiting_manifest, delivered or replaced.';
