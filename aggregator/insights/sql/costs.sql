-- Costs by currency and period, and for each cost the charges that have it, with their billed cost.
-- Grain: currency, period.
SELECT
    c.currency,
    period,
    sum(charge_rows)::BIGINT AS charge_rows,
    sum(billed_cost) + 0::DECIMAL(38, 18) AS billed_cost,
    sum(effective_cost) + 0::DECIMAL(38, 18) AS effective_cost,
    sum(list_cost) + 0::DECIMAL(38, 18) AS list_cost,
    sum(contracted_cost) + 0::DECIMAL(38, 18) AS contracted_cost,
    coalesce(sum(charge_rows) FILTER (contains(costs_told, 'B')), 0)::BIGINT AS billed_rows,
    coalesce(sum(charge_rows) FILTER (contains(costs_told, 'E')), 0)::BIGINT AS effective_rows,
    coalesce(sum(charge_rows) FILTER (contains(costs_told, 'L')), 0)::BIGINT AS list_rows,
    coalesce(sum(charge_rows) FILTER (contains(costs_told, 'C')), 0)::BIGINT AS contracted_rows,
    sum(billed_cost) FILTER (contains(costs_told, 'E')) + 0::DECIMAL(38, 18) AS billed_beside_effective,
    sum(billed_cost) FILTER (contains(costs_told, 'L')) + 0::DECIMAL(38, 18) AS billed_beside_list,
    sum(billed_cost) FILTER (contains(costs_told, 'C')) + 0::DECIMAL(38, 18) AS billed_beside_contracted
FROM insight_cells AS c
JOIN insight_currency_periods AS p
    ON c.currency IS NOT DISTINCT FROM p.currency AND charge_day BETWEEN first_day AND last_day
GROUP BY c.currency, period
