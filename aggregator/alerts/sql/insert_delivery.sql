-- Queue an alert for a sink, due at once. Grain: one alert and one sink.
INSERT INTO alert_deliveries BY NAME
SELECT
    $alert_id AS alert_id,
    $sink AS sink,
    'pending' AS state,
    0 AS attempts,
    $now AS next_attempt_at,
    $now AS queued_at
