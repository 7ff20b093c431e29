-- Those of the given objects that have one of the states asked for. Grain: one object.
-- Parameter: $1 their scope ids.
SELECT scope_id, standing FROM replay_states WHERE scope_id IN (SELECT unnest($1))
