-- The evaluations of budgets in their current period and the one before. Grain: budget, first_day.
-- Parameter: the snapshot to read.
SELECT *
FROM budget_periods AT (VERSION => $1)
QUALIFY row_number() OVER (PARTITION BY budget ORDER BY first_day DESC) <= 2
ORDER BY budget, first_day DESC
