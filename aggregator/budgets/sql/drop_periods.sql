-- Delete the evaluations of budgets in periods. Grain: budget, first_day. Parameters: lists of budgets and first days.
DELETE FROM budget_periods
WHERE (budget, first_day) IN (SELECT (unnest($1::VARCHAR[]), unnest($2::DATE[])))
