-- The periods of each meter; they overlap. Grain: meter, period.
-- Parameters, as lists: $1 meters, $2 names, $3 first days, $4 last days.
SELECT
    unnest($1::BIGINT[]) AS meter,
    unnest($2::VARCHAR[]) AS period,
    unnest($3::DATE[]) AS first_day,
    unnest($4::DATE[]) AS last_day
