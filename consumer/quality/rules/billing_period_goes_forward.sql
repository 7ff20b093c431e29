-- says: A billing period ends after it begins.
-- severity: error
-- columns: billing_period_start, billing_period_end
-- source: FOCUS 1.2, BillingPeriodEnd: exclusive end of the period
billing_period_end <= billing_period_start
