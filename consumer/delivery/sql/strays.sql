-- Objects in force that were loaded one by one. Grain: one object. Parameters: $1 the bucket, $2 how their keys begin.
SELECT scope, bucket, key
FROM active_loads
WHERE bucket = $1 AND starts_with(key, $2) AND delivery_id IS NULL
ORDER BY key
