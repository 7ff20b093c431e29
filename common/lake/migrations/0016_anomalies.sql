-- Anomalies: incidents of series of usage cost, their days, and how far each series has been judged.

-- Grain: one incident.
CREATE TABLE anomalies (
    anomaly_id   VARCHAR NOT NULL,
    currency     VARCHAR,
    provider     VARCHAR,
    account      VARCHAR,
    service      VARCHAR,
    user_id      VARCHAR,
    kind         VARCHAR NOT NULL,
    tier         VARCHAR NOT NULL,
    direction    VARCHAR NOT NULL,
    first_day    DATE NOT NULL,
    last_day     DATE NOT NULL,
    detected_on  DATE NOT NULL,
    state        VARCHAR NOT NULL,
    reason       VARCHAR,
    decided_by   VARCHAR,
    accepted_on  DATE,
    factor       DOUBLE
);

-- Grain: one day of an incident.
CREATE TABLE anomaly_days (
    anomaly_id  VARCHAR NOT NULL,
    day         DATE NOT NULL,
    actual      DOUBLE NOT NULL,
    expected    DOUBLE NOT NULL,
    scale       DOUBLE NOT NULL,
    kind        VARCHAR NOT NULL,
    tier        VARCHAR NOT NULL,
    masked      BOOLEAN NOT NULL,
    complete    BOOLEAN NOT NULL
);

-- Grain: one series.
CREATE TABLE anomaly_series (
    currency    VARCHAR,
    provider    VARCHAR,
    account     VARCHAR,
    service     VARCHAR,
    user_id     VARCHAR,
    judged_day  DATE NOT NULL
);

COMMENT ON TABLE anomalies IS 'One row per incident: days of a series of usage cost that are out of the ordinary, told once. One whose cause a restatement took away is withdrawn; only one that nobody was told of may vanish on the day on which it was found.';
COMMENT ON COLUMN anomalies.anomaly_id IS 'First 12 hexadecimal digits of the SHA-256 of series, direction and first day: the same after rebuild and restatement.';
COMMENT ON COLUMN anomalies.currency IS 'Currency of the series; NULL for charges that name none.';
COMMENT ON COLUMN anomalies.provider IS 'Provider of the series, as in cost_cells.provider_name.';
COMMENT ON COLUMN anomalies.account IS 'Account of the series: sub_account_id, else billing_account_id.';
COMMENT ON COLUMN anomalies.service IS 'Service of the series; NULL for charges that name none.';
COMMENT ON COLUMN anomalies.user_id IS 'User of the series; NULL for charges that name none.';
COMMENT ON COLUMN anomalies.kind IS 'spike, drop, level (a small lasting rise), new (the series starts from zero) or gone (it went silent).';
COMMENT ON COLUMN anomalies.tier IS 'page: worth an interruption. notice: worth a look. Falls are notices.';
COMMENT ON COLUMN anomalies.direction IS 'up or down.';
COMMENT ON COLUMN anomalies.first_day IS 'First UTC day of the incident.';
COMMENT ON COLUMN anomalies.last_day IS 'Newest UTC day of the incident.';
COMMENT ON COLUMN anomalies.detected_on IS 'UTC day on which the incident was found.';
COMMENT ON COLUMN anomalies.state IS 'open, ended, acknowledged, expected, or withdrawn.';
COMMENT ON COLUMN anomalies.reason IS 'Reason that a person gave for the state; NULL without.';
COMMENT ON COLUMN anomalies.decided_by IS 'Person who decided the state; NULL without.';
COMMENT ON COLUMN anomalies.accepted_on IS 'UTC day from which the level of the incident is the usual one; NULL before.';
COMMENT ON COLUMN anomalies.factor IS 'Level accepted over the level before; NULL where nothing is accepted or the history begins anew.';
COMMENT ON TABLE anomaly_days IS 'One row per day of an incident. Amounts are of the detector, in floating point; published amounts are summed from cost_cells.';
COMMENT ON COLUMN anomaly_days.anomaly_id IS 'Incident: anomalies.anomaly_id.';
COMMENT ON COLUMN anomaly_days.day IS 'UTC day.';
COMMENT ON COLUMN anomaly_days.actual IS 'Cost of the series on the day, as read last.';
COMMENT ON COLUMN anomaly_days.expected IS 'Expected cost of the day.';
COMMENT ON COLUMN anomaly_days.scale IS 'Usual distance from the expected cost; 0 where the series has no history.';
COMMENT ON COLUMN anomaly_days.kind IS 'Kind that the day shows.';
COMMENT ON COLUMN anomaly_days.tier IS 'Tier of the day.';
COMMENT ON COLUMN anomaly_days.masked IS 'The expected cost stands for the day in the history while its level is not accepted.';
COMMENT ON COLUMN anomaly_days.complete IS 'The day was complete when it was judged.';
COMMENT ON TABLE anomaly_series IS 'One row per series of usage cost that the detector has judged.';
COMMENT ON COLUMN anomaly_series.currency IS 'Currency of the series; NULL for charges that name none.';
COMMENT ON COLUMN anomaly_series.provider IS 'Provider of the series, as in cost_cells.provider_name.';
COMMENT ON COLUMN anomaly_series.account IS 'Account of the series: sub_account_id, else billing_account_id.';
COMMENT ON COLUMN anomaly_series.service IS 'Service of the series; NULL for charges that name none.';
COMMENT ON COLUMN anomaly_series.user_id IS 'User of the series; NULL for charges that name none.';
COMMENT ON COLUMN anomaly_series.judged_day IS 'Last UTC day that the detector has judged.';
