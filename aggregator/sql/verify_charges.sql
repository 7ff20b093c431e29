-- The charges with the keys of the aggregates that no column of theirs is. Grain: charge.
-- Parameters: $1 the snapshot; see `verify_tagged` for those of the tag keys.
SELECT * REPLACE (
        CASE
            WHEN provider_name IS NOT NULL THEN provider_name
            WHEN service_provider_name IS NOT NULL THEN service_provider_name
            WHEN invoice_issuer_name IS NOT NULL THEN invoice_issuer_name
            ELSE publisher_name
        END AS provider_name,
        {tags} AS tags
    ),
    if(billed_cost IS NULL, '', 'B') || if(effective_cost IS NULL, '', 'E') || if(list_cost IS NULL, '', 'L')
        || if(contracted_cost IS NULL, '', 'C') AS costs_told
FROM {source}
