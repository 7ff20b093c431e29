-- says: A charge has a billed cost.
-- severity: error
-- columns: billed_cost
-- source: FOCUS 1.2, BilledCost (not null)
billed_cost IS NULL
