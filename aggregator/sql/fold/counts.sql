-- The charges that one rollup's table will count, and its lowest group. Grain: one row.
-- Parameters: $1 the snapshot at which the table is read, $2 false when the table starts from nothing.
-- What the table counts, less the groups that are replaced, plus what takes their place: it must be the snapshot's count.
SELECT
    (SELECT coalesce(sum(charge_rows), 0)::BIGINT FROM {table} AT (VERSION => $1) WHERE $2)
        - (SELECT coalesce(sum(charge_rows), 0)::BIGINT FROM held_{table})
        + (SELECT coalesce(sum(charge_rows), 0)::BIGINT FROM folded_{table}) AS charge_rows,
    (SELECT coalesce(min(charge_rows), 0) FROM folded_{table}) AS lowest
