-- The files of the gathered charges after, the one with the most of the amount first; and how many there are.
SELECT l.scope, sum(charge_rows)::BIGINT AS charge_rows, count(*) OVER ()::BIGINT AS files
FROM cause_charges AS c
JOIN active_loads AS l ON l.load_id = c.load_id
WHERE in_after AND {condition}
GROUP BY l.scope
ORDER BY abs(coalesce(sum(amount), 0)) DESC, l.scope
LIMIT {most}
