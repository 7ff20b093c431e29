-- Delete the state of a rule in a period. Grain: at most one row. Parameters: $1 budget, $2 first day, $3 rule.
DELETE FROM budget_states WHERE budget = $1 AND first_day = $2 AND rule = $3
