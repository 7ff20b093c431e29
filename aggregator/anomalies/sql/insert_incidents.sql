-- Insert incidents. Grain: anomaly_id. Parameters: a list for each column.
INSERT INTO anomalies
SELECT
    unnest($1::VARCHAR[]),
    unnest($2::VARCHAR[]),
    unnest($3::VARCHAR[]),
    unnest($4::VARCHAR[]),
    unnest($5::VARCHAR[]),
    unnest($6::VARCHAR[]),
    unnest($7::VARCHAR[]),
    unnest($8::VARCHAR[]),
    unnest($9::VARCHAR[]),
    unnest($10::DATE[]),
    unnest($11::DATE[]),
    unnest($12::DATE[]),
    unnest($13::VARCHAR[]),
    unnest($14::VARCHAR[]),
    unnest($15::VARCHAR[]),
    unnest($16::DATE[]),
    unnest($17::DOUBLE[])
