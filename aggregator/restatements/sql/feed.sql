-- The charges inserted and deleted between two snapshots, both inclusive, from the lake's change feed.
-- Grain: direction (1 inserted, -1 deleted), snapshot_id, load_id, charge_day, billing_currency, service_name, account_id,
-- unit.
-- account_id is the sub-account where the charge names one, else the billing account. unit is NULL for charges without a
-- consumed quantity. {chosen} is a condition on load_id.
CREATE OR REPLACE TEMP TABLE restatement_feed AS
WITH feed AS (
    SELECT
        1::TINYINT AS direction, snapshot_id, load_id, charge_period_start, billing_currency, service_name,
        sub_account_id, billing_account_id, billed_cost, effective_cost, consumed_quantity, consumed_unit
    FROM ducklake_table_insertions('lake', 'main', 'charges', {first}, {last})
    WHERE {chosen}
    UNION ALL
    SELECT
        -1::TINYINT AS direction, snapshot_id, load_id, charge_period_start, billing_currency, service_name,
        sub_account_id, billing_account_id, billed_cost, effective_cost, consumed_quantity, consumed_unit
    FROM ducklake_table_deletions('lake', 'main', 'charges', {first}, {last})
    WHERE {chosen}
)
SELECT
    direction,
    snapshot_id,
    load_id,
    (charge_period_start AT TIME ZONE 'UTC')::DATE AS charge_day,
    billing_currency,
    service_name,
    coalesce(sub_account_id, billing_account_id) AS account_id,
    CASE WHEN consumed_quantity IS NOT NULL THEN coalesce(consumed_unit, '') END AS unit,
    count(*) AS charge_rows,
    sum(billed_cost) AS billed_cost,
    sum(effective_cost) AS effective_cost,
    sum(consumed_quantity) AS quantity
FROM feed
GROUP BY ALL
