-- Every incident. What follows from its days (kind, tier, last day) is not read. Value: snapshot.
SELECT
    anomaly_id, currency, provider, account, service, user_id,
    direction, first_day, detected_on, state, reason, decided_by AS "by", accepted_on, factor
FROM anomalies AT (VERSION => ?)
ORDER BY first_day, anomaly_id
