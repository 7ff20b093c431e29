-- The part of the delta that one rollup must fold in. Grain: the rollup's keys and unit.
-- Changes that net to nothing are left out: maintenance that moved rows between files touches no group.
CREATE OR REPLACE TEMP TABLE moved_{table} AS
SELECT * FROM delta
WHERE mask = {mask}
  AND (charge_rows <> 0 OR billed_rows <> 0 OR effective_rows <> 0 OR list_rows <> 0 OR savings_rows <> 0
       OR coalesce(billed_cost, 0) <> 0 OR coalesce(effective_cost, 0) <> 0 OR coalesce(list_cost, 0) <> 0
       OR coalesce(savings, 0) <> 0 OR coalesce(quantity, 0) <> 0)
