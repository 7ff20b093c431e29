-- Store the evaluation of a budget in a period. Grain: one row. Parameters: the columns.
INSERT INTO budget_periods VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
