-- Grain: one row. Parameters: the watermark's columns after its name.
DELETE FROM watermark WHERE name = 'aggregates';
INSERT INTO watermark VALUES ('aggregates', $1, $2, $3, $4, $5, $6, $7, $8);
