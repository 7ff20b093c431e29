-- The states of the rules of all budgets. Grain: budget, first_day, rule.
SELECT budget, first_day, last_day, rule, state, changed_at, sentence, fired_at, acknowledged_by, reason
FROM budget_states
ORDER BY budget, first_day, rule
