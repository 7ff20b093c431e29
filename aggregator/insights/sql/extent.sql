-- The first and last day up to today, and the number of charges. Grain: one row. Parameter: today.
-- Misdated charges are those of days that are not plausible; those after today are counted with the future ones.
SELECT
    min(charge_day) AS first_day,
    max(charge_day) AS last_day,
    coalesce(sum(charge_rows), 0)::BIGINT AS charge_rows,
    (
        SELECT coalesce(sum(charge_rows), 0)::BIGINT
        FROM insight_every_day
        WHERE charge_day NOT BETWEEN DATE '1900-01-01' AND greatest($1, DATE '2999-12-31')
    ) AS misdated_rows
FROM insight_days
