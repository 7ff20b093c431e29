-- Delete the states of rules in periods. Grain: budget, first_day, rule. Parameters: lists of these.
DELETE FROM budget_states
WHERE (budget, first_day, rule) IN (SELECT (unnest($1::VARCHAR[]), unnest($2::DATE[]), unnest($3::VARCHAR[])))
