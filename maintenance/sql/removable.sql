-- The moment before which files were scheduled for deletion that one step removes: the $2 oldest, with those of the same moment.
-- Grain: one row. {catalog} is the catalog database. Parameter: $1 the moment before which a file may be removed at all.
WITH oldest AS (
    SELECT schedule_start::TIMESTAMPTZ AS scheduled_at
    FROM {catalog}.ducklake_files_scheduled_for_deletion
    ORDER BY scheduled_at
    LIMIT $2
)
-- The bound itself is excluded, so it is the first moment after theirs.
SELECT least($1, min(schedule_start::TIMESTAMPTZ)) AS before
FROM {catalog}.ducklake_files_scheduled_for_deletion
WHERE schedule_start::TIMESTAMPTZ > (SELECT max(scheduled_at) FROM oldest)
