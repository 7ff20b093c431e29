-- How often the ledger has which state. Grain: state, and whether rows of an earlier load were replaced.
SELECT state, state = 'loaded' AND previous_load_id IS NOT NULL AS replaced, count(*)::BIGINT AS decisions
FROM ledger
GROUP BY ALL
