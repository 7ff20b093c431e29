-- The periods that amounts are given for; they overlap. Grain: period.
-- Parameters: $1 names, $2 first days, $3 last days, as lists.
SELECT unnest($1::VARCHAR[]) AS period, unnest($2::DATE[]) AS first_day, unnest($3::DATE[]) AS last_day
