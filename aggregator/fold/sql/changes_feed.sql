-- The charges inserted and deleted between two snapshots, both inclusive, from the lake's change feed.
-- Grain: one charge in one direction (1 inserted, -1 deleted). A charge that was inserted and then deleted is listed twice;
-- so is a charge that maintenance moved to another file.
CREATE OR REPLACE TEMP VIEW changes AS
SELECT 1::TINYINT AS direction, {columns}
FROM ducklake_table_insertions('lake', 'main', 'charges', {first}, {last})
UNION ALL
SELECT -1::TINYINT AS direction, {columns}
FROM ducklake_table_deletions('lake', 'main', 'charges', {first}, {last})
