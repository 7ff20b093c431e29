-- Store the state of a rule in a period. Grain: one row. Parameters: the columns.
INSERT INTO budget_states VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
