-- The last judged day of each series. Value: snapshot.
SELECT currency, provider, account, service, user_id, judged_day
FROM anomaly_series AT (VERSION => ?)
