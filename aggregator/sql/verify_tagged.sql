-- The charges, with the values of the configured tag keys as `told`. Grain: charge.
-- Parameters: $1 the snapshot, $4 the names and $5 the keys, each key beside its name, in the order of the setting.
WITH wanted AS (
    SELECT
        unnest($4::VARCHAR[]) AS name,
        lower(unnest($5::VARCHAR[])) AS wanted_key,
        generate_subscripts($5::VARCHAR[], 1) AS place
),
spellings AS (
    SELECT DISTINCT tags FROM charges AT (VERSION => $1)
),
pairs AS (
    SELECT tags, unnest(map_keys(tags)) AS tag_key, unnest(map_values(tags)) AS tag_value FROM spellings
),
choices AS (
    SELECT tags, name, arg_min(tag_value, (place, tag_key)) AS chosen
    FROM pairs JOIN wanted ON lower(tag_key) = wanted_key
    WHERE tag_value <> ''
    GROUP BY tags, name
),
names AS (
    SELECT name, min(place) AS place FROM wanted GROUP BY name
),
objects AS (
    SELECT
        s.tags,
        '{{' || string_agg(to_json(n.name) || ':' || coalesce(to_json(chosen[1:256])::VARCHAR, 'null'), ',' ORDER BY place) || '}}'
            AS told
    FROM spellings AS s
    CROSS JOIN names AS n
    LEFT JOIN choices AS c ON c.tags IS NOT DISTINCT FROM s.tags AND c.name = n.name
    GROUP BY s.tags
)
SELECT a.*, told
FROM (SELECT * FROM charges AT (VERSION => $1)) AS a
LEFT JOIN objects AS o ON o.tags IS NOT DISTINCT FROM a.tags
