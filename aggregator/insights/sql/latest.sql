-- The newest decision of each file, read once; a delivery is told by its manifest and its parts. Grain: scope.
-- Parameter: the snapshot to read.
SELECT scope, state, processed_at, rows_rejected
FROM latest_entries AT (VERSION => $1)
WHERE bucket <> 'export:'
