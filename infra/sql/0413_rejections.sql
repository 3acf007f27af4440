-- Entries of a roll that staff found false. Which petitions their person has signed stands nowhere; it is looked for
-- when the rejection is final.
CREATE TABLE rejections (
    person_id uuid PRIMARY KEY REFERENCES residents ON DELETE CASCADE,
    status text NOT NULL, -- proposed, contested, appealed, upheld or final
    proposed_by text NOT NULL, -- pseudonyms
    confirmed_by text CHECK (confirmed_by <> proposed_by),
    reason bytea NOT NULL, -- by the person's key, like the next two
    grounds bytea, -- of the appeal
    explanation bytea, -- of the clerk's decision
    due_at timestamptz, -- of the appeal, then of the decision
    settled boolean NOT NULL DEFAULT false -- the signatures are taken away
);
CREATE INDEX rejections_status_idx ON rejections (status, due_at);
