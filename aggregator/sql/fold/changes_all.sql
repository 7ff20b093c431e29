-- Every charge of one snapshot, as if it had just come. Grain: one charge.
CREATE OR REPLACE TEMP VIEW changes AS
SELECT 1::TINYINT AS direction, {columns}
FROM charges AT (VERSION => {last})
