-- The catalog's entry of every scope. Grain: one scope. {guard} is the catalog's own table.
CREATE OR REPLACE TEMP TABLE verify_catalog AS
SELECT scope_id, entry_id, state, load_id, etag FROM {guard}
