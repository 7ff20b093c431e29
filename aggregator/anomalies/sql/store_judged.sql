-- One row per series. Values: five lists of the parts of the keys, and the list of the last judged days.
INSERT INTO anomaly_series BY NAME
SELECT
    unnest($1::VARCHAR[]) AS currency,
    unnest($2::VARCHAR[]) AS provider,
    unnest($3::VARCHAR[]) AS account,
    unnest($4::VARCHAR[]) AS service,
    unnest($5::VARCHAR[]) AS user_id,
    unnest($6::DATE[]) AS judged_day
