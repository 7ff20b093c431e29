-- The objects to replay from the ledger, numbered from 0 in the order of their keys. Grain: one object.
CREATE OR REPLACE TEMP TABLE replay_objects AS
SELECT
    row_number() OVER (ORDER BY object.bucket, object.key) - 1 AS number,
    object.bucket AS bucket,
    object.key AS key,
    object.size_bytes AS size_bytes,
    object.modified AS modified,
    current_state
FROM replay_states
