-- The current states of the given objects, if selected. Grain: one object.
-- Parameter: $1 the scope ids of the objects.
SELECT scope_id, current_state FROM replay_states WHERE scope_id IN (SELECT unnest($1))
