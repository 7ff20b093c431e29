-- Savings by currency and period, over usage alone. Grain: currency, period.
-- FOCUS, ListCost: a sum for savings leaves out either purchases or the usage that they cover. Effective cost spreads a purchase
-- over the usage that it covers, so purchases are what is left out. Corrections belong to earlier periods.
-- Every sum is over charges that have all costs of its formula; see SavingsFormula.
WITH usage AS (
    SELECT
        *,
        commitment IS NOT DISTINCT FROM 'Unused' AS unused,
        commitment IS NOT DISTINCT FROM 'Used' AS used,
        contains(costs_told, 'E') AS told,
        contains(costs_told, 'E') AND contains(costs_told, 'L') AS paired,
        contains(costs_told, 'E') AND contains(costs_told, 'L') AND contains(costs_told, 'C') AS divided
    FROM insight_cells
    -- AWS' own report puts what a commitment leaves unused on the line of its recurring fee, which is a purchase.
    WHERE (charge_category = 'Usage' OR commitment IS NOT DISTINCT FROM 'Unused') AND NOT correction
)
SELECT
    u.currency,
    period,
    sum(charge_rows)::BIGINT AS usage_rows,
    coalesce(sum(charge_rows) FILTER (if(unused, told, paired)), 0)::BIGINT AS charge_rows,
    sum(list_cost) FILTER (paired AND NOT unused) + 0::DECIMAL(38, 18) AS list_cost,
    sum(effective_cost) FILTER (paired AND NOT unused) + 0::DECIMAL(38, 18) AS effective_cost,
    sum(effective_cost) FILTER (told AND unused) + 0::DECIMAL(38, 18) AS unused,
    sum(list_cost - contracted_cost) FILTER (divided AND NOT unused) + 0::DECIMAL(38, 18) AS negotiated,
    sum(contracted_cost - effective_cost) FILTER (divided AND used) + 0::DECIMAL(38, 18) AS commitment,
    sum(if(divided, contracted_cost, list_cost) - effective_cost) FILTER (paired AND NOT unused AND NOT (divided AND used))
        + 0::DECIMAL(38, 18) AS other
FROM usage AS u
JOIN insight_currency_periods AS p
    ON u.currency IS NOT DISTINCT FROM p.currency AND charge_day BETWEEN first_day AND last_day
GROUP BY u.currency, period
