-- Insert days of incidents. Grain: anomaly_id, day. Parameters: a list for each column.
INSERT INTO anomaly_days
SELECT
    unnest($1::VARCHAR[]),
    unnest($2::DATE[]),
    unnest($3::DOUBLE[]),
    unnest($4::DOUBLE[]),
    unnest($5::DOUBLE[]),
    unnest($6::VARCHAR[]),
    unnest($7::VARCHAR[]),
    unnest($8::BOOLEAN[]),
    unnest($9::BOOLEAN[])
