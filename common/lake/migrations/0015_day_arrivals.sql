-- The amounts of each charge day as they arrived, from which the insights learn after how many days a source is complete.

-- Grain: one amount of billing_currency, provider_name, billing_account_id and charge_day that differs from the one before.
CREATE TABLE day_arrivals (
    billing_currency    VARCHAR,
    provider_name       VARCHAR,
    billing_account_id  VARCHAR,
    charge_day          DATE NOT NULL,
    seen_at             TIMESTAMPTZ NOT NULL,
    age_days            INTEGER NOT NULL,
    amount              DECIMAL(38, 18) NOT NULL
);

COMMENT ON TABLE day_arrivals IS 'Usage of a charge day by billing_currency, provider_name and billing_account_id as refreshes found it: one row for each refresh that changed it, of the last 120 charge days. Of several refreshes on one day the last remains in the end.';
COMMENT ON COLUMN day_arrivals.billing_currency IS 'Currency of the amount; NULL for charges that name none.';
COMMENT ON COLUMN day_arrivals.provider_name IS 'Provider as in cost_cells; NULL for charges that name none.';
COMMENT ON COLUMN day_arrivals.billing_account_id IS 'Account that the provider invoices; NULL for charges that name none.';
COMMENT ON COLUMN day_arrivals.charge_day IS 'UTC day of the charges.';
COMMENT ON COLUMN day_arrivals.seen_at IS 'Time of the refresh that found the amount.';
COMMENT ON COLUMN day_arrivals.age_days IS 'Whole days between the end of charge_day and the UTC day of seen_at: 0 on the day after, -1 on the charge day itself.';
COMMENT ON COLUMN day_arrivals.amount IS 'Usage of the day without corrections: effective cost where the charges tell it, else billed cost; 0 when its charges have gone.';
