-- The columns of a table; none where there is no such table. Grain: one column. {table} is a literal.
SELECT attname::text AS name FROM pg_attribute WHERE attrelid = to_regclass({table}) AND attnum > 0 AND NOT attisdropped
