-- The newest alerts at each sink. Grain: one alert and one sink.
SELECT
    alerts.alert_id,
    alerts.kind,
    alerts.title,
    alerts.created_at,
    alert_deliveries.sink,
    alert_deliveries.state,
    alert_deliveries.attempts,
    alert_deliveries.next_attempt_at,
    alert_deliveries.delivered_at,
    alert_deliveries.last_error
FROM alert_deliveries
INNER JOIN alerts ON alerts.alert_id = alert_deliveries.alert_id
WHERE NOT $undelivered OR alert_deliveries.state <> 'sent'
ORDER BY alerts.created_at DESC, alerts.alert_id, alert_deliveries.sink
LIMIT $most
