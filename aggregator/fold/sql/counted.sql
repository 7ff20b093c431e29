-- The charges that one table counts once the fold is written, and the smallest count of a changed group. Grain: one row.
-- Parameters: $1 the snapshot in which the table is read, $2 false when its content is ignored.
SELECT
    (SELECT coalesce(sum(charge_rows), 0) FROM {table} AT (VERSION => $1) WHERE $2)
        - (SELECT coalesce(sum(charge_rows), 0) FROM current_{table})
        + (SELECT coalesce(sum(charge_rows), 0) FROM folded_{table}) AS counted_rows,
    (SELECT coalesce(min(charge_rows), 0) FROM folded_{table}) AS fewest_rows
