-- says: The effective cost of usage is not above its list cost.
-- severity: warning
-- columns: charge_category, charge_class, effective_cost, list_cost
-- source: FOCUS 1.2, EffectiveCost and ListCost
charge_category = 'Usage' AND charge_class IS NULL AND list_cost > 0 AND effective_cost > list_cost
