-- The loads that the delta added or removed. Grain: load_id, billing_currency.
-- A load that was added and removed within the delta, or that maintenance only moved, is not listed.
CREATE OR REPLACE TEMP TABLE folded_changed_loads AS
SELECT load_id, billing_currency, charge_rows, billed_cost, effective_cost, list_cost
FROM delta
WHERE grouping_set = {grouping_set} AND charge_rows <> 0
