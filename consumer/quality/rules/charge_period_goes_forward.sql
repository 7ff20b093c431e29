-- says: A charge period ends after it begins.
-- severity: error
-- columns: charge_period_start, charge_period_end
-- source: FOCUS 1.2, ChargePeriodEnd: exclusive end of the period
charge_period_end <= charge_period_start
