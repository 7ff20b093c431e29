-- Who reads the lake's change feed and goes on from where it was.

-- Grain: one follower.
CREATE TABLE followers (
    name          VARCHAR NOT NULL,
    kind          VARCHAR NOT NULL,
    place         VARCHAR NOT NULL,
    snapshot_id   BIGINT NOT NULL,
    refreshed_at  TIMESTAMPTZ,
    seen_at       TIMESTAMPTZ NOT NULL
);

COMMENT ON TABLE followers IS 'Targets that billstream publish brings up to date, and the snapshot that each goes on from.';
COMMENT ON COLUMN followers.name IS 'Name of the target in the file of BILLSTREAM_TARGETS.';
COMMENT ON COLUMN followers.kind IS 'Kind of the target, such as postgres.';
COMMENT ON COLUMN followers.place IS 'Address of the target, without secrets.';
COMMENT ON COLUMN followers.snapshot_id IS 'Snapshot that maintenance keeps, with all after it, for the next look at the changes.';
COMMENT ON COLUMN followers.refreshed_at IS 'Time of the refresh whose aggregates the target has; NULL while its first copy is being made.';
COMMENT ON COLUMN followers.seen_at IS 'Time when the follower was last at work; after BILLSTREAM_KEEP_FOR_FOLLOWERS it holds nothing back any more.';
