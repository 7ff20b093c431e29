-- The number of changes in the delta. Grain: one row. Each change is in exactly one group of the loads' grouping set.
SELECT coalesce(sum(feed_rows), 0)::BIGINT FROM delta WHERE grouping_set = {grouping_set}
