-- The objects in the ledger whose state is selected. Grain: one object.
-- `newest_state` is the state of an object's newest ledger entry. `current_state` leaves out stale entries: an event that
-- arrives late changes no rows, but its entry is the newest one.
-- Parameter: $1 the selected states. An empty list selects every object except those that are gone from the bucket.
CREATE OR REPLACE TEMP TABLE replay_states AS
SELECT
    scope_id,
    arg_max(state, rowid) AS newest_state,
    arg_max(state, rowid) FILTER (state <> 'stale') AS current_state,
    arg_max({{'bucket': bucket, 'key': key, 'size_bytes': size_bytes, 'modified': coalesce(event_time, processed_at)}}, rowid) AS object
FROM ledger
WHERE bucket NOT IN ('message:', 'export:')
GROUP BY scope_id
HAVING CASE
    WHEN len($1) = 0 THEN current_state NOT IN ('removed', 'kept', 'expired')
    ELSE list_contains($1, newest_state) OR list_contains($1, current_state)
END
