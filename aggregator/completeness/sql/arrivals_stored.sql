-- The size of day_arrivals: its rows, those that no one needs, and its files. Grain: one row.
-- Parameters: $1 the UTC day of the refresh, $2 how many days are recorded.
SELECT
    count(*) AS stored_rows,
    count(*) FILTER (charge_day <= $1::DATE - $2::INTEGER) AS old_rows,
    count(*) - count(DISTINCT (billing_currency, provider_name, billing_account_id, charge_day, age_days)) AS passed_rows,
    (
        SELECT coalesce(max(file_count + delete_file_count), 0)
        FROM ducklake_table_info('lake')
        WHERE table_name = 'day_arrivals'
    ) AS files
FROM day_arrivals
