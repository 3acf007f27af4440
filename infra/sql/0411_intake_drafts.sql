-- What grid workers took down at the door or by telephone, until the resident has confirmed it: then it is in the log,
-- and gone from here. Whose it is stands here alone; which petition, only sealed with that person's key.
CREATE TABLE intake_drafts (
    draft_id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES residents ON DELETE CASCADE,
    host_id uuid NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX intake_drafts_expires_at_idx ON intake_drafts (expires_at);
CREATE INDEX intake_drafts_person_idx ON intake_drafts (person_id);
