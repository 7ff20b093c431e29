-- The days that can be meant. Grain: charge_day, billing_currency.
-- One mistyped year, or a day of infinity, must not become the last charge day, to which all periods lead.
CREATE OR REPLACE TEMP VIEW insight_days AS
SELECT * FROM insight_every_day WHERE charge_day BETWEEN DATE '1900-01-01' AND DATE '2999-12-31'
