-- The values of each tag key with the largest amounts, and one row for all others together.
-- Grain: meter, key, place (1 and up; the others come last). Parameters: $1 the keys, $2 how many values.
WITH summed AS (
    SELECT
        meter,
        key,
        -- A path that begins with a slash names a key as it is, with dots and all; only ~ and / are written otherwise.
        json_extract_string(tags, '/' || replace(replace(key, '~', '~0'), '/', '~1')) AS value,
        coalesce(sum(amount), 0) + 0::DECIMAL(38, 18) AS amount,
        sum(previous) + 0::DECIMAL(38, 18) AS previous
    FROM insight_tag_parts
    CROSS JOIN (SELECT unnest($1::VARCHAR[]) AS key)
    GROUP BY ALL
),
placed AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY meter, key ORDER BY amount DESC, previous DESC NULLS LAST, value NULLS LAST) AS place
    FROM summed
)
SELECT
    meter,
    key,
    least(place, $2 + 1) AS place,
    CASE WHEN place <= $2 THEN value END AS value,
    sum(amount) + 0::DECIMAL(38, 18) AS amount,
    sum(previous) + 0::DECIMAL(38, 18) AS previous,
    count(*) AS names
FROM placed
GROUP BY ALL
ORDER BY meter, key, place
