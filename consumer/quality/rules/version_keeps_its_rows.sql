-- about: versions
-- says: A new version of a file has at least half the rows of the one before.
-- severity: warning
-- columns: rows_loaded, rows_before
-- source: billstream
rows_loaded * 2 < rows_before
