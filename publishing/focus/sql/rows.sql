-- The rows of one billing month, as a file has them. $1: first day of the month. $2, $3: the earliest and the latest start of its
-- charges, by which data files of other months are left unread.
SELECT {columns}
FROM charges
WHERE charge_period_start BETWEEN $2 AND $3
  AND date_trunc('month', coalesce(billing_period_start, charge_period_start))::DATE = $1
