-- The days of every incident, in order. Value: snapshot.
SELECT anomaly_id, day, actual, expected, scale, kind, tier, masked, complete
FROM anomaly_days AT (VERSION => ?)
ORDER BY anomaly_id, day
