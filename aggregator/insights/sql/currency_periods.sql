-- The periods of each currency that amounts are given for; they overlap. Grain: currency, period.
-- Parameters, as lists: $1 currencies, $2 names, $3 first days, $4 last days.
SELECT
    unnest($1::VARCHAR[]) AS currency,
    unnest($2::VARCHAR[]) AS period,
    unnest($3::DATE[]) AS first_day,
    unnest($4::DATE[]) AS last_day
