-- The contents of a table by month, as the server adds them up. Grain: one month, by its first day; NULL stands for all days
-- beyond the calendar. `texts` are the texts of a row's values, `sums` the sums of its numbers.
SELECT month, count(*) AS row_count, sum(('x' || left(md5(convert_to(content, 'UTF8')), 15))::bit(60)::bigint)::text AS digest, {sums}
FROM (
    SELECT
        CASE WHEN {day} >= '{first}' AND {day} < '{after}' THEN date_trunc('month', {day}::timestamp)::date END AS month,
        array_to_string(ARRAY[{texts}], chr(31), chr(30)) AS content,
        *
    FROM {table}
) AS read
GROUP BY month
