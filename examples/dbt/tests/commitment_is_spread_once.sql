-- Commitments that cost twice: bought with an effective cost, and spread over usage again. FOCUS 1.2, EffectiveCost.
-- Grain: one commitment, month and currency.
{{ config(severity='warn') }}
SELECT commitment_discount_id, billing_month, billing_currency
FROM {{ ref('stg_charges') }}
WHERE commitment_discount_id IS NOT NULL
GROUP BY ALL
HAVING sum(effective_cost) FILTER (charge_category = 'Purchase') > 0
   AND sum(effective_cost) FILTER (charge_category = 'Usage') > 0
