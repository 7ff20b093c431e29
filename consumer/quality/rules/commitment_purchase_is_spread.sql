-- says: The purchase of a commitment has no effective cost, as the usage that it covers has it.
-- severity: warning
-- columns: charge_category, commitment_discount_id, effective_cost
-- source: FOCUS 1.2, EffectiveCost: 0 for the purchase of a commitment that covers future charges
charge_category = 'Purchase' AND commitment_discount_id IS NOT NULL AND effective_cost <> 0
