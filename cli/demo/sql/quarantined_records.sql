-- Records that did not fit, of files that are loaded otherwise. Grain: one record.
SELECT l.key, r.line, r.reason
FROM quarantined_rows r
JOIN active_loads l ON l.load_id = r.entry_id
ORDER BY l.key, r.line
