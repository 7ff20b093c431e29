-- The days that are plausible. Grain: charge_day, billing_currency.
-- A mistyped year, or a day of infinity, must not become the last charge day, where all periods end.
SELECT * FROM insight_every_day WHERE charge_day BETWEEN DATE '1900-01-01' AND DATE '2999-12-31'
