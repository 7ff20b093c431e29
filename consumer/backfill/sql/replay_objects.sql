-- The objects that the ledger knows and that may be replayed, in the order of their keys. Grain: one object.
CREATE OR REPLACE TEMP TABLE replay_objects AS
SELECT
    row_number() OVER (ORDER BY object.bucket, object.key) - 1 AS number,
    object.bucket AS bucket, object.key AS key, object.size_bytes AS size_bytes, object.modified AS modified, standing
FROM replay_states
