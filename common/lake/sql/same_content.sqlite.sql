-- The loads in force with one of the given contents. Grain: one scope. Parameter: a JSON array of digests.
SELECT scope_id, entry_id, state, load_id, version_id, etag, sequencer, content_sha256
FROM processed_key
WHERE load_id IS NOT NULL AND content_sha256 IN (SELECT value FROM json_each(?))
