-- The days of the charges of a delivery. Grain: one row. Parameter: $1 the delivery.
SELECT min(l.first_charge_day), max(l.last_charge_day)
FROM ledger p
JOIN ledger l ON l.entry_id = p.load_id
WHERE p.delivery_id = $1 AND p.state IN ('loaded', 'unchanged') AND l.state = 'loaded'
