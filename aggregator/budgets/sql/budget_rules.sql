-- The states of the rules of budgets. Grain: budget, first_day, rule. Parameter: the snapshot to read.
SELECT budget, first_day, rule, state, sentence, changed_at, fired_at, acknowledged_by, reason
FROM budget_states AT (VERSION => $1)
ORDER BY rule
