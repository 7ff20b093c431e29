-- The stored amounts and explanations of incidents. Grain: anomaly_id. Parameter: the snapshot to read.
SELECT anomaly_id, actual, expected, snapshot_id, change
FROM anomaly_amounts AT (VERSION => $1)
