-- The coverage of loads. Grain: a load's charges of one provider, account, sub account, billing month and currency, where {rows}
-- has them. Days first: a list of the distinct days of all rows would cost more than the sums do.
WITH daily AS (
    SELECT
        load_id, provider_name, billing_account_id, sub_account_id,
        date_trunc('month', coalesce(billing_period_start, charge_period_start))::DATE AS billing_month,
        billing_currency, charge_period_start::DATE AS charge_day,
        count(*) AS charge_rows, sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
        sum(list_cost) AS list_cost, sum(contracted_cost) AS contracted_cost
    FROM {rows}
    GROUP BY ALL
)
SELECT
    load_id, provider_name, billing_account_id, sub_account_id, billing_month, billing_currency,
    list(charge_day ORDER BY charge_day) AS days, sum(charge_rows)::BIGINT AS charge_rows,
    sum(billed_cost)::DECIMAL(38, 18) AS billed_cost, sum(effective_cost)::DECIMAL(38, 18) AS effective_cost,
    sum(list_cost)::DECIMAL(38, 18) AS list_cost, sum(contracted_cost)::DECIMAL(38, 18) AS contracted_cost
FROM daily
GROUP BY ALL
