-- Insert forecasts. Grain: month, scope, currency, provider, account, service. Parameters: a list for each column.
INSERT INTO month_forecasts
SELECT
    unnest($1::DATE[]),
    unnest($2::VARCHAR[]),
    unnest($3::VARCHAR[]),
    unnest($4::VARCHAR[]),
    unnest($5::VARCHAR[]),
    unnest($6::VARCHAR[]),
    unnest($7::DATE[]),
    unnest($8::DECIMAL(38, 18)[]),
    unnest($9::DECIMAL(38, 18)[]),
    unnest($10::DECIMAL(38, 18)[]),
    unnest($11::DECIMAL(38, 18)[]),
    unnest($12::DECIMAL(38, 18)[]),
    unnest($13::VARCHAR[]),
    unnest($14::BIGINT[]),
    unnest($15::BIGINT[]),
    unnest($16::VARCHAR[])
