-- Rewrite day_arrivals with the rows that are needed. Grain: that of kept_arrivals.
DELETE FROM day_arrivals;
INSERT INTO day_arrivals BY NAME SELECT * FROM kept_arrivals;
