-- The sums that KPIs are made of. Grain: currency, period. Parameter: the snapshot to read.
-- Usage is as in savings.sql: without corrections, and with what AWS' own report puts on the line of a recurring fee.
-- An effective cost of zero beside a billed cost is not told: a vendor without commitments copies no cost to it.
WITH cells AS (
    SELECT
        *,
        charge_class IS NOT DISTINCT FROM 'Correction' AS correction,
        commitment_discount_status IS NOT DISTINCT FROM 'Unused' AS unused,
        commitment_discount_status IS NOT DISTINCT FROM 'Used' AS used,
        (charge_category IS NOT DISTINCT FROM 'Usage' OR unused) AND NOT correction AS usage,
        contains(costs_told, 'E') AND NOT (effective_cost = 0 AND coalesce(billed_cost, 0) <> 0) AS told,
        contains(costs_told, 'L') AS listed,
        contains(costs_told, 'C') AS contracted,
        -- Spot and the like cannot be covered by a commitment.
        usage AND NOT unused AND (used OR coalesce(pricing_category IN ('Standard', 'Committed'), false)) AS coverable,
        usage AND NOT unused AND listed AND (used OR pricing_category IS NOT NULL) AS coverage_told,
        service_category IS NOT DISTINCT FROM 'Compute' AS compute
    FROM cost_cells AT (VERSION => $1)
)
SELECT
    c.currency,
    period,
    sum(charge_rows)::BIGINT AS charge_rows,
    coalesce(sum(charge_rows) FILTER (charge_category IS NOT NULL), 0)::BIGINT AS category_rows,
    coalesce(sum(charge_rows) FILTER (usage), 0)::BIGINT AS usage_rows,
    coalesce(sum(charge_rows) FILTER (usage AND NOT unused), 0)::BIGINT AS used_rows,
    coalesce(sum(charge_rows) FILTER (usage AND compute AND NOT unused), 0)::BIGINT AS compute_rows,
    coalesce(sum(charge_rows) FILTER (coverage_told), 0)::BIGINT AS coverage_rows,
    coalesce(sum(charge_rows) FILTER (coverage_told AND compute), 0)::BIGINT AS compute_coverage_rows,
    sum(list_cost) FILTER (coverage_told AND used) + 0::DECIMAL(38, 18) AS covered_list,
    sum(list_cost) FILTER (coverage_told AND coverable) + 0::DECIMAL(38, 18) AS coverable_list,
    sum(list_cost) FILTER (coverage_told AND used AND compute) + 0::DECIMAL(38, 18) AS compute_covered_list,
    sum(list_cost) FILTER (coverage_told AND coverable AND compute) + 0::DECIMAL(38, 18) AS compute_coverable_list,
    coalesce(sum(charge_rows) FILTER (usage AND (used OR unused)), 0)::BIGINT AS commitment_rows,
    coalesce(sum(charge_rows) FILTER (usage AND (used OR unused) AND told), 0)::BIGINT AS commitment_told_rows,
    sum(effective_cost) FILTER (usage AND used AND told) + 0::DECIMAL(38, 18) AS utilised,
    sum(effective_cost) FILTER (usage AND (used OR unused) AND told) + 0::DECIMAL(38, 18) AS committed,
    sum(contracted_cost) FILTER (usage AND NOT unused AND told AND contracted) + 0::DECIMAL(38, 18) AS contracted_cost,
    sum(contracted_cost - effective_cost) FILTER (usage AND NOT unused AND told AND contracted)
        + 0::DECIMAL(38, 18) AS below_contract,
    coalesce(sum(charge_rows) FILTER (usage AND NOT unused AND told AND contracted), 0)::BIGINT AS contract_rows,
    coalesce(sum(charge_rows) FILTER (charge_category = 'Purchase'), 0)::BIGINT AS purchase_rows,
    coalesce(sum(charge_rows) FILTER (charge_category = 'Purchase' AND contains(costs_told, 'E')), 0)::BIGINT
        AS purchase_told_rows,
    sum(billed_cost) FILTER (charge_category = 'Purchase' AND contains(costs_told, 'E') AND effective_cost = 0)
        + 0::DECIMAL(38, 18) AS prepaid,
    sum(billed_cost) FILTER (charge_category = 'Credit') + 0::DECIMAL(38, 18) AS credits,
    sum(billed_cost) FILTER (charge_category = 'Tax') + 0::DECIMAL(38, 18) AS tax,
    sum(billed_cost) FILTER (charge_category = 'Adjustment') + 0::DECIMAL(38, 18) AS adjustments,
    sum(billed_cost) FILTER (correction) + 0::DECIMAL(38, 18) AS corrections
FROM (SELECT *, billing_currency AS currency FROM cells) AS c
JOIN insight_currency_periods AS p
    ON c.currency IS NOT DISTINCT FROM p.currency AND charge_day BETWEEN first_day AND last_day
GROUP BY c.currency, period
