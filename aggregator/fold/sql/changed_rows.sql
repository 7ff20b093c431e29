-- The charges that the delta added and removed, by load, and those of the snapshot. Grain: one row. Parameter: the snapshot.
SELECT
    (SELECT coalesce(sum(charge_rows) FILTER (charge_rows > 0), 0)::BIGINT FROM folded_changed_loads) AS rows_inserted,
    (SELECT coalesce(-sum(charge_rows) FILTER (charge_rows < 0), 0)::BIGINT FROM folded_changed_loads) AS rows_deleted,
    (SELECT count(*) FROM charges AT (VERSION => $1)) AS snapshot_rows
