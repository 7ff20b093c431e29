-- Costs by tag: the finest aggregate tells the values of the configured tag keys, and the watermark the keys themselves.
-- Until keys are configured both are NULL, so what is stored stays right.
ALTER TABLE cost_cells ADD COLUMN tags VARCHAR;
ALTER TABLE watermark ADD COLUMN tag_keys VARCHAR;

COMMENT ON COLUMN cost_cells.tags IS 'Values of the configured tag keys as JSON, such as {"team":"core","env":null}; tags->>''team'' is one. NULL where no keys are configured.';
COMMENT ON COLUMN watermark.tag_keys IS 'Tag keys that the aggregates are told by, as in BILLSTREAM_TAG_KEYS; NULL for none.';
