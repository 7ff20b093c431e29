-- Rows in one of the catalog's own tables, {store}. Grain: one row. {catalog} is the catalog database.
-- Parameter: $1 the oldest snapshot.
SELECT
    count(*) FILTER (end_snapshot IS NULL) AS live,
    count(*) FILTER (end_snapshot <= $1) AS dead
FROM {catalog}.{store}
