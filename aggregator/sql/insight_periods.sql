-- The periods that amounts are given for. Grain: period; they overlap.
-- Parameters: names, first days, last days, as lists.
CREATE OR REPLACE TEMP TABLE insight_periods AS
SELECT unnest($1::VARCHAR[]) AS period, unnest($2::DATE[]) AS first_day, unnest($3::DATE[]) AS last_day
