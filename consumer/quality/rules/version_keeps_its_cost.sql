-- about: versions
-- says: A new version of a file bills at least half of what the one before did, in each currency.
-- severity: warning
-- columns: billed_cost, billed_cost_before
-- source: billstream
abs(billed_cost) * 2 < abs(billed_cost_before)
