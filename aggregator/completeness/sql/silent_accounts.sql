-- Accounts that had charges on most days until a recent day, while their provider has later days.
-- Grain: currency, provider, account. Parameters: $1 the snapshot to read, $2 today.
WITH days AS (
    SELECT DISTINCT billing_currency AS currency, provider_name AS provider, billing_account_id AS account, charge_day
    FROM day_arrivals AT (VERSION => $1)
    WHERE charge_day BETWEEN $2::DATE - 62 AND $2::DATE
),
newest AS (
    SELECT
        *,
        max(charge_day) OVER (PARTITION BY currency, provider, account) AS newest_day,
        max(charge_day) OVER (PARTITION BY currency, provider) AS newest_of_provider
    FROM days
)
SELECT currency, provider, account, newest_day, (newest_of_provider - newest_day)::INTEGER AS days_behind
FROM newest
WHERE charge_day > newest_day - 28 AND newest_day >= $2::DATE - 35 AND newest_day < newest_of_provider
GROUP BY currency, provider, account, newest_day, newest_of_provider
HAVING count(*) >= 21
ORDER BY days_behind DESC, account NULLS LAST
