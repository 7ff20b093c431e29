-- How many snapshots the lake keeps, and since when. Grain: one row. {catalog} is the catalog database.
SELECT count(*), min(snapshot_time)::TIMESTAMPTZ, max(snapshot_time)::TIMESTAMPTZ FROM {catalog}.ducklake_snapshot
