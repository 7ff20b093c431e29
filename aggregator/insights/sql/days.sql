-- The days that are plausible and not after today. Grain: charge_day, billing_currency. Parameter: today.
-- A mistyped year, a day of infinity, or a charge that is dated ahead must not become the last day, where periods end.
SELECT * FROM insight_every_day WHERE charge_day BETWEEN DATE '1900-01-01' AND $1
