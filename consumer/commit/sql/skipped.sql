-- Objects that have been skipped as copies, by the newest line that says so. Grain: one object.
-- Parameter: $1 the scopes that had their content; none means any.
SELECT scope_id, bucket, key, content_sha256
FROM (
    SELECT
        scope_id,
        any_value(bucket) AS bucket,
        any_value(key) AS key,
        arg_max(content_sha256, rowid) AS content_sha256,
        arg_max(duplicate_of, rowid) AS original
    FROM ledger
    WHERE state = 'skipped'
    GROUP BY scope_id
)
WHERE len($1) = 0 OR list_contains($1, original)
