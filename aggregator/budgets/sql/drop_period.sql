-- Delete the evaluation of a budget in a period. Grain: at most one row. Parameters: $1 budget, $2 first day.
DELETE FROM budget_periods WHERE budget = $1 AND first_day = $2
