-- says: A credit that corrects nothing has no positive billed cost.
-- severity: warning
-- columns: charge_category, charge_class, billed_cost
-- source: FOCUS 1.2, ChargeCategory: Credit
charge_category = 'Credit' AND charge_class IS NULL AND billed_cost > 0
