-- The snapshots from $1 to $2, both inclusive: how many no longer exist, how many schema versions the others have, and whether
-- a commit after $1 says in its message what $3 says.
-- Grain: one row. More than one schema version: tables were made or changed. {catalog} is the catalog database:
-- ducklake_snapshots() makes lists of what each snapshot of the lake has changed, which takes seconds for a week of them.
SELECT
    $2 - $1 + 1 - count(*) AS missing,
    count(DISTINCT schema_version) AS schema_versions,
    coalesce(bool_or(snapshot_id > $1 AND contains(commit_message, $3)), false) AS rows_left
FROM {catalog}.ducklake_snapshot
LEFT JOIN {catalog}.ducklake_snapshot_changes USING (snapshot_id)
WHERE snapshot_id BETWEEN $1 AND $2
