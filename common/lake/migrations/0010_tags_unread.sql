-- The ledger counts the cells that should be tags and are none in any known spelling: they are in no column but `rescued`.
ALTER TABLE ledger ADD COLUMN tags_unread BIGINT;

COMMENT ON COLUMN ledger.tags_unread IS 'Cells that should be tags and could not be read as such; charges.rescued has them. NULL for loads from before it was recorded.';
