-- The costs of each day by what savings, sources and covered shares ask for. Parameter: the snapshot to read.
-- Grain: charge_day, billing_currency, provider, charge_category, correction, commitment, costs_told.
SELECT
    charge_day,
    billing_currency AS currency,
    provider_name AS provider,
    charge_category,
    charge_class IS NOT DISTINCT FROM 'Correction' AS correction,
    commitment_discount_status AS commitment,
    costs_told,
    sum(charge_rows)::BIGINT AS charge_rows,
    sum(billed_cost) + 0::DECIMAL(38, 18) AS billed_cost,
    sum(effective_cost) + 0::DECIMAL(38, 18) AS effective_cost,
    sum(list_cost) + 0::DECIMAL(38, 18) AS list_cost,
    sum(contracted_cost) + 0::DECIMAL(38, 18) AS contracted_cost
FROM cost_cells AT (VERSION => $1)
WHERE charge_day BETWEEN DATE '1900-01-01' AND DATE '2999-12-31'
GROUP BY ALL
