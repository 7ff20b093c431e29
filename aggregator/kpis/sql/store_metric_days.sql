-- Store days of metrics. Grain: metric, unit, day. Parameters: a list for each column.
INSERT INTO unit_metrics
SELECT
    unnest($1::VARCHAR[]),
    unnest($2::VARCHAR[]),
    unnest($3::DATE[]),
    unnest($4::VARCHAR[]),
    unnest($5::DECIMAL(38, 18)[]),
    unnest($6::DECIMAL(38, 18)[])
