-- Replace the state of an alert at a sink; one that was sent stays sent. Grain: one alert and one sink.
UPDATE alert_deliveries
SET state = $state, attempts = $attempts, next_attempt_at = $next_attempt_at, delivered_at = $delivered_at, last_error = $last_error
WHERE alert_id = $alert_id AND sink = $sink AND state <> 'sent'
