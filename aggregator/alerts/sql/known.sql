-- Alerts with a dedupe key, or of an incident, with the sinks that have them. Grain: one alert and one sink, or one alert
-- that no sink has.
SELECT alerts.alert_id, alerts.dedupe_key, alert_deliveries.sink, alert_deliveries.queued_at, alerts.amount
FROM alerts
LEFT JOIN alert_deliveries ON alert_deliveries.alert_id = alerts.alert_id
WHERE alerts.dedupe_key = $1 OR alerts.incident = $2
