-- What rows of charges add up to. Grain: the columns of {group}, then the currency.
-- {rows} is where they come from, {group} its columns with a comma behind each.
WITH by_unit AS (
    SELECT
        {group}billing_currency,
        coalesce(consumed_unit, '') AS unit,
        count(*) AS charge_rows,
        sum(billed_cost) AS billed_cost,
        sum(effective_cost) AS effective_cost,
        sum(list_cost) AS list_cost,
        sum(contracted_cost) AS contracted_cost,
        sum(consumed_quantity) AS quantity
    FROM {rows}
    GROUP BY ALL
)
SELECT
    {group}billing_currency,
    sum(charge_rows)::BIGINT AS charge_rows,
    sum(billed_cost) AS billed_cost,
    sum(effective_cost) AS effective_cost,
    sum(list_cost) AS list_cost,
    sum(contracted_cost) AS contracted_cost,
    coalesce(
        map_from_entries(list((unit, quantity) ORDER BY unit) FILTER (quantity IS NOT NULL)), MAP {{}}
    ) AS consumed_quantity
FROM by_unit
GROUP BY ALL
ORDER BY ALL
