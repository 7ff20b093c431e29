-- Deliveries that are due at some sinks, the oldest first. Grain: one alert and one sink.
SELECT
    alert_deliveries.sink,
    alert_deliveries.attempts,
    alerts.alert_id,
    alerts.kind,
    alerts.title,
    alerts.text,
    alerts.payload,
    alerts.created_at
FROM alert_deliveries
INNER JOIN alerts ON alerts.alert_id = alert_deliveries.alert_id
WHERE
    -- An attempt that another process has begun is its own until it counts as lost.
    alert_deliveries.state <> 'sent'
    AND (alert_deliveries.next_attempt_at <= $now OR ($all AND alert_deliveries.state <> 'sending'))
    AND list_contains($sinks, alert_deliveries.sink)
QUALIFY
    row_number() OVER (
        PARTITION BY alert_deliveries.sink ORDER BY alert_deliveries.next_attempt_at, alerts.created_at, alerts.alert_id
    ) <= $most
ORDER BY alert_deliveries.next_attempt_at, alerts.created_at, alerts.alert_id
