-- Who read what is not everybody's, written before it was shown. Residents' own reading is never in here: it would tell
-- who takes part. Looks into the people register stand in register_log, so that the two cannot be laid side by side.
CREATE TABLE accesses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL, -- when the minute, hour or day began in which it was first read
    by text NOT NULL, -- a pseudonym
    role text NOT NULL,
    org_id uuid,
    act text NOT NULL,
    subject_id uuid, -- the petition, its task, meeting or intake, or whatever else the act names
    what jsonb NOT NULL, -- position, moment, selection; nothing that somebody has typed
    UNIQUE NULLS NOT DISTINCT (at, by, role, org_id, act, subject_id, what)
);
CREATE INDEX accesses_subject_idx ON accesses (subject_id, id);
CREATE INDEX accesses_by_idx ON accesses (by, id);

CREATE FUNCTION only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only added to', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON accesses
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON register_log
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
