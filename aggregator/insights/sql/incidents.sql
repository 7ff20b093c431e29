-- Anomalies that are open or ended lately, with their amounts and days; the gravest first. Grain: anomaly_id.
-- Parameters: the snapshot to read, today, days after its end in which an anomaly is told, anomalies at most.
WITH days AS (
    SELECT
        anomaly_id,
        list(day ORDER BY day) AS on_days,
        bool_and(complete) AS complete,
        max(abs(actual - expected) / nullif(scale, 0)) AS score
    FROM anomaly_days AT (VERSION => $1)
    GROUP BY anomaly_id
)
SELECT
    a.anomaly_id AS id, a.tier, a.kind, a.direction, a.state, a.reason, a.decided_by,
    a.currency, a.provider, a.account, a.service, a.user_id AS user,
    a.first_day, a.last_day, d.on_days, d.complete, a.detected_on, m.actual, m.expected, d.score, m.change
FROM anomalies AS a AT (VERSION => $1)
JOIN days AS d USING (anomaly_id)
JOIN anomaly_amounts AS m AT (VERSION => $1) USING (anomaly_id)
WHERE a.state = 'open' OR a.last_day >= $2::DATE - $3
ORDER BY
    a.state <> 'open', a.state = 'withdrawn', a.tier <> 'page', abs(m.actual - m.expected) DESC, a.first_day DESC, id
LIMIT $4
