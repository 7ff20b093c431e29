-- Whether the delta changes a group or a load. Grain: one row. The condition is that of `moved.sql`.
SELECT EXISTS (
    SELECT 1 FROM delta
    WHERE (charge_rows <> 0 OR billed_rows <> 0 OR effective_rows <> 0 OR list_rows <> 0 OR contracted_rows <> 0
         OR coalesce(billed_cost, 0) <> 0 OR coalesce(effective_cost, 0) <> 0 OR coalesce(list_cost, 0) <> 0
         OR coalesce(contracted_cost, 0) <> 0 OR coalesce(quantity, 0) <> 0)
) AS moved
