-- What the ledger knows to be missing from the charges, or doubtful in them. Grain: kind.
-- Parameter: how many names.
WITH latest AS (
    SELECT
        CASE state
            WHEN 'quarantined' THEN 'quarantined_files'
            WHEN 'denied' THEN 'unreadable_files'
            WHEN 'failed' THEN 'unreadable_files'
            WHEN 'awaiting_manifest' THEN 'awaiting_manifest'
            WHEN 'missing' THEN 'missing_files'
        END AS kind,
        scope,
        1 AS number,
        processed_at
    FROM insight_latest
),
active AS (
    SELECT
        scope,
        processed_at,
        unnest([
            struct_pack(kind := 'rejected_records', number := rows_rejected),
            struct_pack(kind := 'records_left_out', number := records_left_out),
            struct_pack(kind := 'tags_unread', number := tags_unread)
        ]) AS found
    FROM insight_active
),
listed AS (
    SELECT kind, scope, number, processed_at FROM latest WHERE kind IS NOT NULL
    UNION ALL
    SELECT found.kind, scope, found.number, processed_at FROM active WHERE found.number > 0
)
SELECT
    kind,
    sum(number)::BIGINT AS number,
    count(*) AS files,
    list_slice(list(scope ORDER BY number DESC, processed_at DESC, scope), 1, $1) AS names
FROM listed
GROUP BY kind
