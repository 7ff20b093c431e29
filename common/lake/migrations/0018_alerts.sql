-- The outbox of alerts: what is to be told, and to which sink it has been delivered.

-- Grain: one alert. Append-only; an alert is written in the commit of what it tells.
CREATE TABLE alerts (
    alert_id    VARCHAR NOT NULL,
    dedupe_key  VARCHAR NOT NULL,
    kind        VARCHAR NOT NULL,
    incident    VARCHAR,
    amount      DECIMAL(38, 18),
    title       VARCHAR NOT NULL,
    text        VARCHAR NOT NULL,
    payload     VARCHAR NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL
);

-- Grain: one alert and one sink.
CREATE TABLE alert_deliveries (
    alert_id         VARCHAR NOT NULL,
    sink             VARCHAR NOT NULL,
    state            VARCHAR NOT NULL,
    attempts         BIGINT NOT NULL,
    next_attempt_at  TIMESTAMPTZ,
    delivered_at     TIMESTAMPTZ,
    last_error       VARCHAR,
    queued_at        TIMESTAMPTZ NOT NULL
);

COMMENT ON TABLE alerts IS 'Outbox of alerts, written in the commit of what they tell; alert_deliveries says which sink has which.';
COMMENT ON COLUMN alerts.alert_id IS 'Id of the alert; every attempt to deliver it carries it as its idempotency key.';
COMMENT ON COLUMN alerts.dedupe_key IS 'Key of what is told; an alert with the same key is never queued twice for one sink.';
COMMENT ON COLUMN alerts.kind IS 'Kind of alert: anomaly, notice (an anomaly of the lower tier), budget, stale_source, restatement or digest.';
COMMENT ON COLUMN alerts.incident IS 'Incident that the alert is about; at_most limits the alerts of one incident. NULL when there is none.';
COMMENT ON COLUMN alerts.amount IS 'Size of the incident when it was told, in its own currency; NULL where it has none.';
COMMENT ON COLUMN alerts.title IS 'The alert in one line.';
COMMENT ON COLUMN alerts.text IS 'The alert in full, as plain text.';
COMMENT ON COLUMN alerts.payload IS 'The alert for programs, as a JSON object.';
COMMENT ON COLUMN alerts.created_at IS 'Time when the alert was first queued.';
COMMENT ON TABLE alert_deliveries IS 'State of each alert at each sink.';
COMMENT ON COLUMN alert_deliveries.alert_id IS 'The alert.';
COMMENT ON COLUMN alert_deliveries.sink IS 'Name of the sink in the file that BILLSTREAM_ALERTS names.';
COMMENT ON COLUMN alert_deliveries.state IS 'pending: not yet attempted; sending: an attempt has begun; sent: the sink accepted it; failed: the last attempt failed, and another follows.';
COMMENT ON COLUMN alert_deliveries.attempts IS 'Attempts that have begun.';
COMMENT ON COLUMN alert_deliveries.next_attempt_at IS 'Earliest time of the next attempt; while an attempt runs, the time after which it counts as lost. NULL once sent.';
COMMENT ON COLUMN alert_deliveries.delivered_at IS 'Time when the sink accepted the alert; NULL before.';
COMMENT ON COLUMN alert_deliveries.last_error IS 'Reason why the last attempt failed, without secrets; NULL when none has failed, or once sent.';
COMMENT ON COLUMN alert_deliveries.queued_at IS 'Time when the alert was queued for this sink.';
