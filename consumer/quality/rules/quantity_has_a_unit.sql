-- says: A consumed quantity has a unit.
-- severity: warning
-- columns: consumed_quantity, consumed_unit
-- source: FOCUS 1.2, ConsumedUnit (not null where ConsumedQuantity is not)
consumed_quantity IS NOT NULL AND consumed_unit IS NULL
