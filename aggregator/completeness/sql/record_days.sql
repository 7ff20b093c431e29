-- Add the amounts of the days that changed. Grain: that of day_arrivals.
INSERT INTO day_arrivals BY NAME SELECT * FROM changed_days
