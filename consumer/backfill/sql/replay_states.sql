-- What the ledger says of each object by now. Grain: one object. `newest` is the state of its newest line; `standing` that
-- of the newest one that is about what is in force: late news, which changes nothing, is written down as stale.
-- Parameter: $1 the states that are asked for; none means all but those of objects that are gone.
CREATE OR REPLACE TEMP TABLE replay_states AS
SELECT
    scope_id,
    arg_max(state, rowid) AS newest,
    arg_max(state, rowid) FILTER (state <> 'stale') AS standing,
    arg_max({{'bucket': bucket, 'key': key, 'size_bytes': size_bytes, 'modified': coalesce(event_time, processed_at)}}, rowid) AS object
FROM ledger
WHERE bucket NOT IN ('message:', 'export:')
GROUP BY scope_id
HAVING CASE
    WHEN len($1) = 0 THEN standing NOT IN ('removed', 'kept')
    ELSE list_contains($1, newest) OR list_contains($1, standing)
END
