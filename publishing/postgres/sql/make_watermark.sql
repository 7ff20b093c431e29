-- What the schema is a copy of. Grain: one row, none before the first copy is complete.
CREATE TABLE IF NOT EXISTS {schema}.watermark (
    lake_id       text NOT NULL,
    snapshot_id   bigint NOT NULL,
    read_at       bigint NOT NULL,
    read_time     timestamptz NOT NULL,
    refreshed_at  timestamptz NOT NULL,
    layout        text NOT NULL,
    published_at  timestamptz NOT NULL
);
COMMENT ON TABLE {schema}.watermark IS 'What this schema is a copy of: written by billstream publish, in the transaction that writes the rows.';
COMMENT ON COLUMN {schema}.watermark.lake_id IS 'Id of the lake.';
COMMENT ON COLUMN {schema}.watermark.snapshot_id IS 'Snapshot of the lake that the charges are of; the aggregates are sums of them.';
COMMENT ON COLUMN {schema}.watermark.read_at IS 'Snapshot of the lake that the aggregates were read in.';
COMMENT ON COLUMN {schema}.watermark.read_time IS 'Time of that snapshot.';
COMMENT ON COLUMN {schema}.watermark.refreshed_at IS 'Time of the refresh that made the aggregates.';
COMMENT ON COLUMN {schema}.watermark.layout IS 'Digest of tables and columns; another one makes the copy anew.';
COMMENT ON COLUMN {schema}.watermark.published_at IS 'Time when the copy was last changed.'
