-- The cube of the gathered charges. Grain: the dimensions. A value is written v and the value, n for NULL, and f for the
-- values past the limit of a dimension and the cells past the limit of the cube; their amounts are kept.
WITH base AS (
    SELECT
        {marked},
        coalesce(sum(amount) FILTER (in_before), 0)::DOUBLE * {ratio} AS before,
        coalesce(sum(amount) FILTER (in_after), 0)::DOUBLE AS after
    FROM cause_charges
    WHERE {condition}
    GROUP BY ALL
),
kept AS (
    SELECT dimension, value
    FROM (UNPIVOT base ON {names} INTO NAME dimension VALUE value)
    GROUP BY dimension, value
    QUALIFY row_number() OVER (PARTITION BY dimension ORDER BY abs(sum(after) - sum(before)) DESC, value) <= {most_values}
),
folded AS (
    SELECT {folded}, sum(before) AS before, sum(after) AS after
    FROM base
    GROUP BY ALL
),
placed AS (
    SELECT *, row_number() OVER (ORDER BY abs(after - before) DESC, {names}) <= {most_cells} AS kept
    FROM folded
)
SELECT {bounded}, sum(before) AS before, sum(after) AS after
FROM placed
GROUP BY ALL
ORDER BY {names}
