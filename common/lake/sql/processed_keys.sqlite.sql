-- What is known of the given scopes. Grain: one scope. Parameter: a JSON array of scope ids.
SELECT scope_id, entry_id, state, load_id, version_id, etag, sequencer, content_sha256
FROM processed_key
WHERE scope_id IN (SELECT value FROM json_each(?))
