-- Delete the evaluations of budgets that are no longer in the file, in periods that have not ended. Grain: any rows.
-- Parameters: $1 the names in the file, $2 today.
DELETE FROM budget_periods WHERE NOT list_contains($1::VARCHAR[], budget) AND last_day >= $2;
