-- What commitments cost, and what of them was used. Grain: one billing month, commitment and currency.
SELECT
    billing_month,
    commitment_discount_id,
    max(commitment_discount_name) AS commitment_discount_name,
    max(commitment_discount_category) AS commitment_discount_category,
    max(commitment_discount_type) AS commitment_discount_type,
    billing_currency,
    sum(billed_cost) FILTER (charge_category = 'Purchase') AS purchased_cost,
    sum(effective_cost) FILTER (charge_category = 'Usage' AND commitment_discount_status = 'Used') AS used_cost,
    sum(effective_cost) FILTER (charge_category = 'Usage' AND commitment_discount_status = 'Unused') AS unused_cost,
    -- Only charges that have both costs, so that a missing list price is no saving.
    sum(list_cost - effective_cost) FILTER (charge_category = 'Usage' AND commitment_discount_status = 'Used') AS saved_cost
FROM {{ ref('stg_charges') }}
WHERE commitment_discount_id IS NOT NULL
GROUP BY billing_month, commitment_discount_id, billing_currency
