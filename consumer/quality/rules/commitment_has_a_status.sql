-- says: Usage that a commitment covers says whether the commitment was used.
-- severity: warning
-- columns: charge_category, commitment_discount_id, commitment_discount_status
-- source: FOCUS 1.2, CommitmentDiscountStatus (not null for Usage with a CommitmentDiscountId)
charge_category = 'Usage' AND commitment_discount_id IS NOT NULL AND commitment_discount_status IS NULL
