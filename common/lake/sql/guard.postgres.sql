-- The claim guard: exactly-once, enforced by the catalog database inside the commit of a snapshot.
-- A commit carries its claims as JSON in commit_extra_info; one claim that is not the successor of what
-- processed_key holds refuses the whole commit. A claim waits on the row lock of a claim for the same scope
-- that is being committed, so of two racing commits the second sees the first.
-- The refusal's text must not contain the words on which DuckLake retries a commit by itself
-- ("primary key", "unique", "conflict", "concurrent").
-- Every name has its schema: DuckLake's tables are in `public`, and a schema named like the user, a search_path of the
-- role or a temporary table may come first where a name has none.
DO $move$
DECLARE
    elsewhere regnamespace;
BEGIN
    -- A guard that is in another schema keeps its claims.
    SELECT held.relnamespace INTO elsewhere
    FROM pg_catalog.pg_trigger AS hook
    JOIN pg_catalog.pg_proc AS guard ON guard.oid = hook.tgfoid
    JOIN pg_catalog.pg_class AS held ON held.relname = 'processed_key' AND held.relnamespace = guard.pronamespace
    WHERE hook.tgname = 'billstream_claim' AND hook.tgrelid = 'public.ducklake_snapshot_changes'::regclass;
    IF elsewhere <> 'public'::regnamespace AND to_regclass('public.processed_key') IS NULL THEN
        EXECUTE format('ALTER TABLE %s.processed_key SET SCHEMA public', elsewhere);
        EXECUTE format('DROP FUNCTION %s.billstream_claim() CASCADE', elsewhere);
    END IF;
END
$move$;

CREATE TABLE IF NOT EXISTS public.processed_key (
    scope_id        TEXT PRIMARY KEY,
    entry_id        TEXT NOT NULL,
    state           TEXT NOT NULL,
    load_id         TEXT,
    version_id      TEXT,
    etag            TEXT,
    sequencer       TEXT,
    content_sha256  TEXT
);

CREATE INDEX IF NOT EXISTS processed_key_content ON public.processed_key (content_sha256);

CREATE OR REPLACE FUNCTION public.billstream_claim() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $guard$
DECLARE
    claim jsonb;
BEGIN
    -- In one order of scopes, so that two commits with the same scopes cannot wait for each other.
    FOR claim IN
        SELECT value FROM jsonb_array_elements(NEW.commit_extra_info::jsonb -> 'claims')
        ORDER BY value ->> 'scope_id'
    LOOP
        IF claim ->> 'prev' IS NULL THEN
            INSERT INTO public.processed_key
            SELECT * FROM jsonb_populate_record(NULL::public.processed_key, claim)
            ON CONFLICT DO NOTHING;
        ELSE
            UPDATE public.processed_key SET
                entry_id = claim ->> 'entry_id',
                state = claim ->> 'state',
                load_id = claim ->> 'load_id',
                version_id = claim ->> 'version_id',
                etag = claim ->> 'etag',
                sequencer = claim ->> 'sequencer',
                content_sha256 = claim ->> 'content_sha256'
            WHERE scope_id = claim ->> 'scope_id' AND entry_id = claim ->> 'prev';
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'billstream: claim refused';
        END IF;
    END LOOP;

    -- What the commit has read and does not change must still be so.
    IF EXISTS (
        SELECT FROM jsonb_array_elements(NEW.commit_extra_info::jsonb -> 'unchanged') AS same
        LEFT JOIN public.processed_key AS held ON held.scope_id = same.value ->> 'scope_id'
        WHERE held.entry_id IS DISTINCT FROM same.value ->> 'entry_id'
    ) THEN
        RAISE EXCEPTION 'billstream: claim refused';
    END IF;

    -- Data files that the commit takes out although they cannot be read, as if it had deleted their last rows.
    IF NEW.commit_extra_info::jsonb ? 'lost_files' THEN
        UPDATE public.ducklake_data_file SET end_snapshot = NEW.snapshot_id
        WHERE end_snapshot IS NULL
          AND data_file_id IN (
              SELECT value::bigint FROM jsonb_array_elements_text(NEW.commit_extra_info::jsonb -> 'lost_files')
          );
        -- The change feed opens every data file that has a file of deleted rows, however old: not one that is lost.
        DELETE FROM public.ducklake_delete_file
        WHERE data_file_id IN (
            SELECT value::bigint FROM jsonb_array_elements_text(NEW.commit_extra_info::jsonb -> 'lost_files')
        );
    END IF;
    RETURN NULL;
END
$guard$;

CREATE OR REPLACE TRIGGER billstream_claim AFTER INSERT ON public.ducklake_snapshot_changes
FOR EACH ROW WHEN (NEW.commit_extra_info IS NOT NULL) EXECUTE FUNCTION public.billstream_claim();
