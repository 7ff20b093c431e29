-- What the aggregates have of some cells of one day. Grain: billing_currency. {condition} says of which cells.
-- Parameters: $1 the snapshot, $2 the day, then those of the condition.
WITH cells AS (
    SELECT * FROM cost_cells AT (VERSION => $1) WHERE charge_day = $2::DATE {condition}
),
entries AS (
    SELECT billing_currency, unnest(map_entries(consumed_quantity)) AS entry FROM cells
),
by_unit AS (
    SELECT billing_currency, entry.key AS unit, sum(entry.value) AS quantity FROM entries GROUP BY ALL
),
quantities AS (
    SELECT billing_currency, map_from_entries(list((unit, quantity) ORDER BY unit)) AS consumed_quantity
    FROM by_unit
    GROUP BY ALL
),
costs AS (
    SELECT
        billing_currency,
        sum(charge_rows)::BIGINT AS charge_rows,
        sum(billed_cost) AS billed_cost,
        sum(effective_cost) AS effective_cost,
        sum(list_cost) AS list_cost,
        sum(contracted_cost) AS contracted_cost
    FROM cells
    GROUP BY ALL
)
SELECT c.*, coalesce(q.consumed_quantity, MAP {{}})
FROM costs AS c
LEFT JOIN quantities AS q ON q.billing_currency IS NOT DISTINCT FROM c.billing_currency
ORDER BY c.billing_currency
