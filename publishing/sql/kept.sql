-- Whether the lake still has the snapshots of a copy. Grain: one row: the lake's id, its newest snapshot, how many of the snapshots
-- $1 and $2 there are, and the time of $2. {catalog} is the catalog database.
SELECT
    (SELECT max(CAST(schema_uuid AS VARCHAR)) FROM {catalog}.ducklake_schema WHERE schema_id = 0) AS lake_id,
    max(snapshot_id) AS newest,
    count(*) FILTER (snapshot_id IN ($1, $2)) AS there,
    max(snapshot_time::TIMESTAMPTZ) FILTER (snapshot_id = $2) AS read_time
FROM {catalog}.ducklake_snapshot
