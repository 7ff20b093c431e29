-- says: Usage names its service.
-- severity: warning
-- columns: charge_category, service_name
-- source: FOCUS 1.2, ServiceName (not null)
charge_category = 'Usage' AND service_name IS NULL
