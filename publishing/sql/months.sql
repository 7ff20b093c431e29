-- Months of which {table} has rows in a snapshot. Grain: one month, by its first day; NULL stands for all days beyond the
-- calendar. Parameters: $1 the first day of the calendar, $2 the first one after it.
SELECT DISTINCT CASE WHEN {day} >= $1 AND {day} < $2 THEN date_trunc('month', {day})::DATE END AS month
FROM {table} AT (VERSION => {version})
ORDER BY month NULLS LAST
