-- The claim guard: exactly-once, enforced by the catalog database inside the commit of a snapshot.
-- A commit carries its claims as JSON in commit_extra_info; one claim that is not the successor of what
-- processed_key holds refuses the whole commit.
-- The refusal's text must not contain the words on which DuckLake retries a commit by itself
-- ("primary key", "unique", "conflict", "concurrent").
CREATE TABLE IF NOT EXISTS processed_key (
    scope_id        TEXT PRIMARY KEY,
    entry_id        TEXT NOT NULL,
    state           TEXT NOT NULL,
    load_id         TEXT,
    version_id      TEXT,
    etag            TEXT,
    sequencer       TEXT,
    content_sha256  TEXT
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS processed_key_content ON processed_key (content_sha256);

DROP TRIGGER IF EXISTS billstream_claim;

CREATE TRIGGER billstream_claim AFTER INSERT ON ducklake_snapshot_changes
WHEN NEW.commit_extra_info IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'billstream: claim refused')
    FROM json_each(NEW.commit_extra_info, '$.claims') AS claim
    LEFT JOIN processed_key AS held ON held.scope_id = claim.value ->> 'scope_id'
    WHERE held.entry_id IS NOT (claim.value ->> 'prev');

    -- What the commit has read and does not change must still be so.
    SELECT RAISE(ABORT, 'billstream: claim refused')
    FROM json_each(NEW.commit_extra_info, '$.unchanged') AS same
    LEFT JOIN processed_key AS held ON held.scope_id = same.value ->> 'scope_id'
    WHERE held.entry_id IS NOT (same.value ->> 'entry_id');

    INSERT OR REPLACE INTO processed_key
    SELECT value ->> 'scope_id', value ->> 'entry_id', value ->> 'state', value ->> 'load_id',
           value ->> 'version_id', value ->> 'etag', value ->> 'sequencer', value ->> 'content_sha256'
    FROM json_each(NEW.commit_extra_info, '$.claims');

    -- Data files that the commit takes out although they cannot be read, as if it had deleted their last rows.
    UPDATE ducklake_data_file SET end_snapshot = NEW.snapshot_id
    WHERE end_snapshot IS NULL
      AND data_file_id IN (SELECT value FROM json_each(NEW.commit_extra_info, '$.lost_files'));

    -- The change feed opens every data file that has a file of deleted rows, however old: not one that is lost.
    DELETE FROM ducklake_delete_file
    WHERE data_file_id IN (SELECT value FROM json_each(NEW.commit_extra_info, '$.lost_files'));
END;
