-- A profile says which records of a file are charges, and the ledger counts the others: no record vanishes without a trace.
ALTER TABLE ledger ADD COLUMN records_left_out BIGINT;

COMMENT ON COLUMN ledger.records_left_out IS 'Records that are no charges by the words of the profile: neither loaded nor rejected. NULL for loads from before it was recorded.';
