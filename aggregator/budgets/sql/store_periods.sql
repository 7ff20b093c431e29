-- Insert rows. Grain: budget, first_day. Parameters: a list for each column.
INSERT INTO budget_periods
SELECT
    unnest($1::VARCHAR[]),
    unnest($2::DATE[]),
    unnest($3::DATE[]),
    unnest($4::VARCHAR[]),
    unnest($5::VARCHAR[]),
    unnest($6::VARCHAR[]),
    unnest($7::DECIMAL(38, 18)[]),
    unnest($8::DECIMAL(38, 18)[]),
    unnest($9::DATE[]),
    unnest($10::DECIMAL(38, 18)[]),
    unnest($11::DECIMAL(38, 18)[]),
    unnest($12::DECIMAL(38, 18)[]),
    unnest($13::DATE[]),
    unnest($14::TIMESTAMPTZ[])
