-- Insert amounts and explanations of incidents. Grain: anomaly_id.
-- Parameters: five lists of one length: anomaly_id, actual, expected, snapshot_id, change.
INSERT INTO anomaly_amounts
SELECT
    unnest($1::VARCHAR[]),
    unnest($2::DECIMAL(38, 18)[]),
    unnest($3::DECIMAL(38, 18)[]),
    unnest($4::BIGINT[]),
    unnest($5::VARCHAR[])
