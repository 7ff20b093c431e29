-- Give the newest analysis another id. Parameter: the id.
UPDATE analysis SET analysis_id = $1
