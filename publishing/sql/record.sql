-- Write the entry of a follower. Grain: one row. Parameters: the columns in their order.
INSERT INTO followers VALUES ($1, $2, $3, $4, $5, $6)
