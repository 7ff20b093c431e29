-- The names with the largest amounts in the compared 30 days, or in the last 30 where none can be compared, and one row for all
-- others together.
-- Grain: meter, dimension, place (1 and up; the others come last). Parameters: $1 how many names, $2 the snapshot to read,
-- $3 a day, $4 the meters whose comparison leaves out no source.
-- Tiers and resource types are not in the cells, so their days before are compared for the meters of $4 only.
WITH days AS (
    SELECT DISTINCT meter, first_day, last_day, first_before, last_before
    FROM insight_windows
    WHERE comparison IN ('thirty_days', 'alone')
),
cells AS (
    SELECT p.meter, p.provider, account, service, user, region, charge_day, first_day, last_day, last_before, first_before, amount
    FROM insight_parts AS p
    JOIN insight_windows AS w ON w.meter = p.meter AND w.provider IS NOT DISTINCT FROM p.provider
    WHERE comparison IN ('thirty_days', 'alone')
),
services AS (
    SELECT
        meter,
        x_service_tier,
        resource_type,
        charge_day,
        CASE measure
            WHEN 'billed_cost' THEN billed_cost
            WHEN 'effective_cost' THEN effective_cost
            WHEN 'list_cost' THEN list_cost
            ELSE consumed_quantity[unit]
        END AS amount
    FROM service_costs AT (VERSION => $2)
    JOIN insight_meters ON currency IS NOT DISTINCT FROM billing_currency
    WHERE charge_day >= $3
),
named AS (
    SELECT meter, 'provider' AS dimension, provider AS name, charge_day, first_day, last_day, first_before, last_before, amount
    FROM cells
    UNION ALL
    SELECT meter, 'account', account, charge_day, first_day, last_day, first_before, last_before, amount FROM cells
    UNION ALL
    SELECT meter, 'service', service, charge_day, first_day, last_day, first_before, last_before, amount FROM cells
    UNION ALL
    SELECT meter, 'user', user, charge_day, first_day, last_day, first_before, last_before, amount FROM cells
    UNION ALL
    SELECT meter, 'region', region, charge_day, first_day, last_day, first_before, last_before, amount FROM cells
    UNION ALL
    SELECT meter, 'service_tier', x_service_tier, charge_day, first_day, last_day, first_before, last_before, amount
    FROM services JOIN days USING (meter)
    WHERE charge_day >= first_day OR list_contains($4::BIGINT[], meter)
    UNION ALL
    SELECT meter, 'resource_type', resource_type, charge_day, first_day, last_day, first_before, last_before, amount
    FROM services JOIN days USING (meter)
    WHERE charge_day >= first_day OR list_contains($4::BIGINT[], meter)
),
summed AS (
    SELECT
        meter,
        dimension,
        name,
        coalesce(sum(amount) FILTER (charge_day BETWEEN first_day AND last_day), 0) + 0::DECIMAL(38, 18) AS amount,
        sum(amount) FILTER (charge_day BETWEEN first_before AND last_before) AS previous
    FROM named
    WHERE (charge_day BETWEEN first_day AND last_day OR charge_day BETWEEN first_before AND last_before)
      AND amount IS NOT NULL
    GROUP BY meter, dimension, name
),
placed AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY meter, dimension ORDER BY amount DESC, previous DESC NULLS LAST, name NULLS LAST)
            AS place
    FROM summed
)
SELECT
    meter,
    dimension,
    least(place, $1 + 1) AS place,
    CASE WHEN place <= $1 THEN name END AS name,
    sum(amount) + 0::DECIMAL(38, 18) AS amount,
    sum(previous) + 0::DECIMAL(38, 18) AS previous,
    count(*) AS names
FROM placed
GROUP BY ALL
ORDER BY meter, dimension, place
