-- The contents of a table by month. Grain: one month, by its first day; NULL stands for all days beyond the calendar.
-- `texts` are the texts of a row's values, `sums` two sums of each number: before the point, and after it.
SELECT month, count(*) AS row_count, sum(('0x' || md5(content)[1:15])::BIGINT)::VARCHAR AS digest, {sums}
FROM (
    SELECT
        CASE WHEN {day} >= DATE '{first}' AND {day} < DATE '{after}' THEN date_trunc('month', {day})::DATE END AS month,
        concat_ws(chr(31), {texts}) AS content,
        *
    FROM {source}
)
GROUP BY month
