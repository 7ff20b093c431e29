-- Insert rows. Grain: budget, first_day, rule. Parameters: a list for each column.
INSERT INTO budget_states
SELECT
    unnest($1::VARCHAR[]),
    unnest($2::DATE[]),
    unnest($3::DATE[]),
    unnest($4::VARCHAR[]),
    unnest($5::VARCHAR[]),
    unnest($6::TIMESTAMPTZ[]),
    unnest($7::VARCHAR[]),
    unnest($8::TIMESTAMPTZ[]),
    unnest($9::VARCHAR[]),
    unnest($10::VARCHAR[])
