-- Insert one alert. Grain: one alert.
INSERT INTO alerts BY NAME
SELECT
    $alert_id AS alert_id,
    $dedupe_key AS dedupe_key,
    $kind AS kind,
    $incident AS incident,
    $amount AS amount,
    $title AS title,
    $text AS text,
    $payload AS payload,
    $now AS created_at
