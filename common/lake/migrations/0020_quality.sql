-- Quality: the rules that the rows of a load break, as its commit has found them.

-- Grain: one load and one rule that at least one of its rows breaks. Append-only: a load never changes.
CREATE TABLE quality_findings (
    load_id VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    severity VARCHAR NOT NULL,
    rows_failed BIGINT NOT NULL,
    found_at TIMESTAMPTZ NOT NULL
);

-- Grain: one finding of a load whose rows count, with its object.
CREATE VIEW active_findings AS
SELECT f.*, l.scope, l.bucket, l.key, l.profile, l.rows_loaded
FROM quality_findings f JOIN active_loads l USING (load_id);

COMMENT ON TABLE quality_findings IS 'One row per load and rule of quality that rows of it break, written by the commit of the load. The view active_findings has those that matter now.';
COMMENT ON COLUMN quality_findings.load_id IS 'The load; join charges and ledger by it.';
COMMENT ON COLUMN quality_findings.rule IS 'Name of the rule; `billstream quality rules` lists them.';
COMMENT ON COLUMN quality_findings.severity IS 'error or warning, as the rule said when the load was committed.';
COMMENT ON COLUMN quality_findings.rows_failed IS 'Rows of the load that break the rule.';
COMMENT ON COLUMN quality_findings.found_at IS 'Time of the commit by the clock of the consumer.';
COMMENT ON VIEW active_findings IS 'One row per finding of an active load. load_id, rule, severity, rows_failed, found_at: as in quality_findings. scope, bucket, key, profile, rows_loaded: its object, as in ledger.';
