-- The first and last day, and the number of charges. Grain: one row. Misdated charges are those of days that are not
-- plausible.
WITH kept AS (
    SELECT min(charge_day) AS first_day, max(charge_day) AS last_day, coalesce(sum(charge_rows), 0)::BIGINT AS kept_rows
    FROM insight_days
),
every AS (
    SELECT coalesce(sum(charge_rows), 0)::BIGINT AS every_row FROM insight_every_day
)
SELECT first_day, last_day, kept_rows AS charge_rows, every_row - kept_rows AS misdated_rows
FROM kept
CROSS JOIN every
