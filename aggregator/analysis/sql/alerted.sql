-- Which of these incidents an alert is about. Grain: incident. Parameters: the snapshot to read, ids.
SELECT DISTINCT incident
FROM alerts AT (VERSION => $1)
WHERE incident IN (SELECT unnest($2::VARCHAR[]))
