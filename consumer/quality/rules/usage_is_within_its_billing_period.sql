-- says: Usage that corrects nothing begins within its billing period.
-- severity: warning
-- columns: charge_category, charge_class, charge_period_start, billing_period_start, billing_period_end
-- source: FOCUS 1.2, BillingPeriodStart and ChargeClass
charge_category = 'Usage' AND charge_class IS NULL
AND (charge_period_start < billing_period_start OR charge_period_start >= billing_period_end)
