-- The days that each comparison sets against each other, for each source that it compares. `alone` has no days before.
-- Grain: meter, comparison, provider. Parameters, as lists: $1 meters, $2 comparisons, $3 providers, $4 first days,
-- $5 last days, $6 first days before, $7 last days before.
SELECT
    unnest($1::BIGINT[]) AS meter,
    unnest($2::VARCHAR[]) AS comparison,
    unnest($3::VARCHAR[]) AS provider,
    unnest($4::DATE[]) AS first_day,
    unnest($5::DATE[]) AS last_day,
    unnest($6::DATE[]) AS first_before,
    unnest($7::DATE[]) AS last_before
