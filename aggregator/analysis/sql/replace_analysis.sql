-- Replace the mark of the newest analysis. Grain: one row. Parameters: its columns.
DELETE FROM analysis;
INSERT INTO analysis VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
