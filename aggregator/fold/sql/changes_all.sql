-- Every charge of one snapshot, as if all were inserted now. Grain: one charge.
CREATE OR REPLACE TEMP VIEW changes AS
SELECT 1::TINYINT AS direction, {columns}
FROM charges AT (VERSION => {last})
