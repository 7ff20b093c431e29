-- Every export with active loads. Grain: one export. billed is a map by currency of what counts; XXX where charges name none.
WITH line AS (
    SELECT * FROM load_coverage WHERE load_id IN (SELECT load_id FROM active_loads)
),
billed AS (
    SELECT export, map_from_entries(list((currency, billed) ORDER BY currency)) AS billed
    FROM (
        SELECT export, coalesce(billing_currency, 'XXX') AS currency, sum(billed_cost)::DECIMAL(38, 18) AS billed
        FROM line
        WHERE NOT set_aside AND billed_cost IS NOT NULL
        GROUP BY ALL
    )
    GROUP BY export
)
SELECT
    l.export,
    list_sort(list(DISTINCT l.dataset) FILTER (l.dataset IS NOT NULL)) AS datasets,
    list_sort(list(DISTINCT l.provider) FILTER (l.provider IS NOT NULL)) AS providers,
    list_sort(list(DISTINCT l.account) FILTER (l.account IS NOT NULL)) AS accounts,
    min(l.billing_month) AS first_month,
    max(l.billing_month) AS last_month,
    min(list_min(l.days)) AS first_day,
    max(list_max(l.days)) AS last_day,
    count(DISTINCT l.load_id) AS loads,
    coalesce(sum(l.charge_rows) FILTER (NOT l.set_aside), 0)::BIGINT AS "rows",
    coalesce(sum(l.charge_rows) FILTER (l.set_aside), 0)::BIGINT AS rows_set_aside,
    any_value(b.billed) AS billed
FROM line AS l
LEFT JOIN billed AS b ON b.export = l.export
GROUP BY l.export
ORDER BY l.export
