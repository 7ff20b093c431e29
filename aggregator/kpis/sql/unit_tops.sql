-- The SKUs whose price changed the cost most, and the SKUs that cost most by consumed unit. Grain: kind, currency, place.
-- Parameter: how many of each.
SELECT
    *,
    row_number() OVER (
        PARTITION BY kind, currency
        ORDER BY weight DESC, provider NULLS LAST, service NULLS LAST, sku, unit
    ) AS place
FROM (
    SELECT *, abs(CASE kind WHEN 'price' THEN cost - expected ELSE cost END) AS weight
    FROM insight_unit_prices
)
WHERE weight > 0
QUALIFY place <= $1
ORDER BY kind, currency, place
