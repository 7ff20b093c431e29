-- The analysis that follows a refresh: its mark, the exact amounts and causes of anomalies, and the forecasts.

-- Grain: one row.
CREATE TABLE analysis (
    analysis_id            VARCHAR NOT NULL,
    snapshot_id            BIGINT NOT NULL,
    watermark_snapshot_id  BIGINT NOT NULL,
    refreshed_at           TIMESTAMPTZ NOT NULL,
    today                  DATE NOT NULL,
    configuration          VARCHAR NOT NULL,
    pending                BOOLEAN NOT NULL,
    analysed_at            TIMESTAMPTZ NOT NULL
);

-- Grain: one incident.
CREATE TABLE anomaly_amounts (
    anomaly_id   VARCHAR NOT NULL,
    actual       DECIMAL(38, 18) NOT NULL,
    expected     DECIMAL(38, 18) NOT NULL,
    snapshot_id  BIGINT NOT NULL,
    change       VARCHAR
);

-- Grain: month, scope, currency, provider, account, service.
CREATE TABLE month_forecasts (
    month            DATE NOT NULL,
    scope            VARCHAR NOT NULL,
    currency         VARCHAR,
    provider         VARCHAR,
    account          VARCHAR,
    service          VARCHAR,
    complete_to      DATE NOT NULL,
    so_far           DECIMAL(38, 18) NOT NULL,
    recurring        DECIMAL(38, 18) NOT NULL,
    expected         DECIMAL(38, 18) NOT NULL,
    low              DECIMAL(38, 18),
    high             DECIMAL(38, 18),
    method           VARCHAR NOT NULL,
    history_days     BIGINT NOT NULL,
    origins          BIGINT NOT NULL,
    why_no_interval  VARCHAR
);

COMMENT ON TABLE analysis IS 'One row: the newest analysis, which finds anomalies, forecasts the month, evaluates budgets and queues alerts.';
COMMENT ON COLUMN analysis.analysis_id IS 'Id that changes with every commit that writes anomalies, forecasts or states of budgets.';
COMMENT ON COLUMN analysis.snapshot_id IS 'Snapshot that was read.';
COMMENT ON COLUMN analysis.watermark_snapshot_id IS 'Snapshot of the aggregates that were analysed.';
COMMENT ON COLUMN analysis.refreshed_at IS 'Time of the refresh that wrote these aggregates.';
COMMENT ON COLUMN analysis.today IS 'UTC day of the analysis.';
COMMENT ON COLUMN analysis.configuration IS 'Hash of the thresholds, budgets and sinks that it used; others analyse anew.';
COMMENT ON COLUMN analysis.pending IS 'Another analysis is to follow: causes are still to be computed, or alerts wait until the history is at rest.';
COMMENT ON COLUMN analysis.analysed_at IS 'Time of the analysis.';
COMMENT ON TABLE anomaly_amounts IS 'Exact amounts of incidents, and why they differ from what was expected.';
COMMENT ON COLUMN anomaly_amounts.anomaly_id IS 'Incident: anomalies.anomaly_id.';
COMMENT ON COLUMN anomaly_amounts.actual IS 'Exact cost of the series on the days of the incident.';
COMMENT ON COLUMN anomaly_amounts.expected IS 'Expected cost of the same days, rounded to cents.';
COMMENT ON COLUMN anomaly_amounts.snapshot_id IS 'Snapshot of the charges that both are of.';
COMMENT ON COLUMN anomaly_amounts.change IS 'Explanation as JSON: the slice behind it, new resources, price and quantity, and SQL that returns the charges. NULL while it is not computed.';
COMMENT ON TABLE month_forecasts IS 'Forecast of the whole month, by currency, provider, account and service. Only the current month is kept.';
COMMENT ON COLUMN month_forecasts.month IS 'First day of the month.';
COMMENT ON COLUMN month_forecasts.scope IS 'What it is of: currency, provider, account or service.';
COMMENT ON COLUMN month_forecasts.currency IS 'Currency of all amounts; NULL for charges that name none.';
COMMENT ON COLUMN month_forecasts.provider IS 'Provider; NULL where the scope is a currency, or for charges that name none.';
COMMENT ON COLUMN month_forecasts.account IS 'Account, sub_account_id, else billing_account_id; NULL where the scope is wider or charges name none.';
COMMENT ON COLUMN month_forecasts.service IS 'Service; NULL where the scope is wider, or for charges that name none.';
COMMENT ON COLUMN month_forecasts.complete_to IS 'Newest UTC day that the forecast is made from.';
COMMENT ON COLUMN month_forecasts.so_far IS 'Cost of the month up to complete_to, rounded to cents: effective cost where told, else billed cost.';
COMMENT ON COLUMN month_forecasts.recurring IS 'Part of expected: charges other than usage that recur on the same day of the month.';
COMMENT ON COLUMN month_forecasts.expected IS 'Expected cost of the whole month.';
COMMENT ON COLUMN month_forecasts.low IS 'Lower end of the 80 % interval; NULL while the history is too short for one.';
COMMENT ON COLUMN month_forecasts.high IS 'Upper end of the 80 % interval.';
COMMENT ON COLUMN month_forecasts.method IS 'weekday_medians, or last_week while an incident is open.';
COMMENT ON COLUMN month_forecasts.history_days IS 'Days of history that it is made from.';
COMMENT ON COLUMN month_forecasts.origins IS 'Earlier forecasts of the same method that the interval is made from.';
COMMENT ON COLUMN month_forecasts.why_no_interval IS 'Reason for a forecast without an interval; NULL with one.';
