-- Replace the watermark. Grain: one row. Parameters: the columns after name.
DELETE FROM watermark WHERE name = 'aggregates';
INSERT INTO watermark VALUES ('aggregates', $1, $2, $3, $4, $5, $6, $7, $8, $9);
