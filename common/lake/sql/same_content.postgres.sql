-- The loads in force with one of the given contents. Grain: one scope. {digests} is a literal: a JSON array of
-- hexadecimal digests; DuckDB's PostgreSQL reader binds no values in a query it streams.
SELECT scope_id, entry_id, state, load_id, version_id, etag, sequencer, content_sha256
FROM public.processed_key
WHERE load_id IS NOT NULL AND content_sha256 IN (SELECT pg_catalog.jsonb_array_elements_text({digests}::jsonb))
