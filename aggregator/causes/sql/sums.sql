-- Sums before and after. Grain: {keys} of the gathered charges, the largest change first.
SELECT
    {keys},
    coalesce(sum(amount) FILTER (in_before), 0)::DECIMAL(38, 18) AS before,
    coalesce(sum(amount) FILTER (in_after), 0)::DECIMAL(38, 18) AS after,
    coalesce(sum(charge_rows) FILTER (in_before), 0)::BIGINT AS rows_before,
    coalesce(sum(charge_rows) FILTER (in_after), 0)::BIGINT AS rows_after
FROM cause_charges
WHERE {condition}
GROUP BY ALL
ORDER BY abs(after::DOUBLE - before::DOUBLE * {ratio}) DESC, {order}
