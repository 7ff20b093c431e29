-- The loads that the delta added or took away. Grain: load_id, billing_currency.
-- A load that came and went within the delta, or that maintenance only moved, is not in it.
CREATE OR REPLACE TEMP TABLE folded_changed_loads AS
SELECT load_id, billing_currency, charge_rows, billed_cost, effective_cost, list_cost
FROM delta
WHERE mask = {mask} AND charge_rows <> 0
