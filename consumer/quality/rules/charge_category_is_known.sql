-- says: The charge category is Usage, Purchase, Tax, Credit or Adjustment.
-- severity: warning
-- columns: charge_category
-- source: FOCUS 1.2, ChargeCategory: allowed values
charge_category NOT IN ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment')
