-- Days of {table} whose rows have changed in the snapshots {first} to {last}, both inclusive, by the lake's change feed.
-- Grain: one day; NULL stands for all days beyond the calendar. Rows that maintenance has moved to another file come and go
-- with the same values, and change no day. Parameters: $1 the first day of the calendar, $2 the first one after it.
SELECT DISTINCT CASE WHEN changed_day >= $1 AND changed_day < $2 THEN changed_day END AS changed
FROM (
    SELECT changed_day
    FROM (
        SELECT 1 AS direction, {day} AS changed_day, hash({columns})::HUGEINT AS digest
        FROM ducklake_table_insertions('lake', 'main', '{table}', {first}, {last})
        UNION ALL
        SELECT -1 AS direction, {day} AS changed_day, hash({columns})::HUGEINT AS digest
        FROM ducklake_table_deletions('lake', 'main', '{table}', {first}, {last})
    )
    GROUP BY changed_day
    HAVING sum(direction) <> 0 OR sum(direction * digest) <> 0
)
ORDER BY changed NULLS LAST
