-- One charge of the lake, with its day in UTC and the team that its tags name.
SELECT
    {{ day_of('charge_period_start') }} AS charge_day,
    CAST(date_trunc('month', coalesce(billing_period_start, charge_period_start) AT TIME ZONE 'UTC') AS DATE) AS billing_month,
    tags['{{ var("team_tag") | replace("'", "''") }}'] AS team,
    *
FROM {{ source('billstream', 'charges') }}
