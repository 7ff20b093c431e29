-- Costs by day, team, service and currency. Grain: one of each. Follows the lake by its snapshots: see macros/changed_days.sql.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    on_schema_change='fail',
    pre_hook="{{ find_changed_days() }}",
    post_hook="{{ move_cursor() }}",
) }}
SELECT
    charge_day,
    team,
    service_name,
    billing_currency,
    count(*) AS charge_rows,
    sum(billed_cost) AS billed_cost,
    sum(effective_cost) AS effective_cost
FROM {{ ref('stg_charges') }}
{% if is_incremental() %}
WHERE charge_day IN (SELECT charge_day FROM changed_days)
{% endif %}
GROUP BY ALL
