-- The partitions of the charges. Grain: one partition. {charges} is a literal.
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = to_regclass({charges})
