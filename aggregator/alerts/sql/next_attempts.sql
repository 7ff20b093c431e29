-- The moment of the next attempt at each of some sinks. Grain: one sink that has something to be delivered.
SELECT sink, min(next_attempt_at) AS due_at
FROM alert_deliveries
WHERE state <> 'sent' AND next_attempt_at IS NOT NULL AND list_contains($1, sink)
GROUP BY sink
