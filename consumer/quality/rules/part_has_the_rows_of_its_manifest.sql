-- about: parts
-- says: A part of a delivery has as many records as its manifest tells.
-- severity: error
-- columns: rows_there, rows_told
-- source: Microsoft Cost Management, dataRowCount of a manifest; billstream, rows of a file
rows_there <> rows_told
