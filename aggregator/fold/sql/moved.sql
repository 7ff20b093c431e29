-- The part of the delta that changes one rollup's table. Grain: the rollup's keys and unit.
-- Rows whose counts and sums are all zero are left out: maintenance that moves charges between files changes no group.
CREATE OR REPLACE TEMP TABLE moved_{table} AS
SELECT * FROM delta
WHERE grouping_set = {grouping_set}
  AND (charge_rows <> 0 OR billed_rows <> 0 OR effective_rows <> 0 OR list_rows <> 0 OR contracted_rows <> 0
       OR coalesce(billed_cost, 0) <> 0 OR coalesce(effective_cost, 0) <> 0 OR coalesce(list_cost, 0) <> 0
       OR coalesce(contracted_cost, 0) <> 0 OR coalesce(quantity, 0) <> 0)
