-- The amounts that each comparison sets against each other. Grain: meter, comparison.
SELECT
    w.meter,
    comparison,
    coalesce(sum(amount) FILTER (charge_day >= first_day), 0) + 0::DECIMAL(38, 18) AS amount,
    coalesce(sum(amount) FILTER (charge_day <= last_before), 0) + 0::DECIMAL(38, 18) AS before
FROM insight_windows AS w
JOIN insight_parts AS p ON w.meter = p.meter AND w.provider IS NOT DISTINCT FROM p.provider
WHERE charge_day BETWEEN first_day AND last_day OR charge_day BETWEEN first_before AND last_before
GROUP BY w.meter, comparison
