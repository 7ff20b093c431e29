-- Every day, read once from the lake. Grain: charge_day, billing_currency. Parameter: the snapshot to read.
SELECT * FROM daily_costs AT (VERSION => $1)
