-- Delete the days of metrics from a day on. Grain: any rows. Parameter: the first day.
DELETE FROM unit_metrics WHERE day >= $1
