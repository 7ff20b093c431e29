-- Ledger entries by state. Grain: one state, with and without a replaced earlier load.
SELECT state, state = 'loaded' AND previous_load_id IS NOT NULL AS replaced, count(*)::BIGINT AS decisions
FROM ledger
GROUP BY ALL
