-- One ledger entry of an object in a bucket, if there is one. Grain: one object.
-- Parameters: $1 the bucket that stands for exports, $2 the one that stands for local files.
SELECT 1 AS found
FROM ledger
WHERE bucket NOT IN ($1, $2)
LIMIT 1
