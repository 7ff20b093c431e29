-- What the fold comes to. Grain: one row. Parameters: $1 the snapshot, $2 false when the tables start from nothing.
-- charge_rows is what the aggregates will count in all; it must be what the snapshot has.
SELECT
    (SELECT coalesce(sum(charge_rows) FILTER (charge_rows > 0), 0)::BIGINT FROM folded_changed_loads) AS rows_inserted,
    (SELECT coalesce(-sum(charge_rows) FILTER (charge_rows < 0), 0)::BIGINT FROM folded_changed_loads) AS rows_deleted,
    (SELECT coalesce(sum(charge_rows), 0)::BIGINT FROM daily_costs AT (VERSION => $1) WHERE $2)
        + (SELECT coalesce(sum(charge_rows), 0)::BIGINT FROM delta WHERE rollup = 'daily_costs') AS charge_rows,
    (SELECT count(*) FROM charges AT (VERSION => $1)) AS snapshot_rows
