-- What came and went between two snapshots, both inclusive, from the lake's change feed.
-- Grain: one charge in one direction (1 came, -1 went). A charge that came and went again is there twice; so is one
-- that maintenance wrote into another file.
CREATE OR REPLACE TEMP VIEW changes AS
SELECT 1::TINYINT AS direction, {columns}
FROM ducklake_table_insertions('lake', 'main', 'charges', {first}, {last})
UNION ALL
SELECT -1::TINYINT AS direction, {columns}
FROM ducklake_table_deletions('lake', 'main', 'charges', {first}, {last})
