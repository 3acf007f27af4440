-- What may be erased stands outside the log. Deleting a row makes a text unreadable or a pseudonym unlinkable,
-- while every event keeps its bytes.
CREATE TABLE text_keys (
    key_id uuid PRIMARY KEY,
    matter_id uuid NOT NULL,
    author text NOT NULL, -- a pseudonym
    wrapped bytea NOT NULL, -- the key, sealed by the master key
    UNIQUE (matter_id, author)
);

CREATE TABLE people_keys (
    subject_digest bytea PRIMARY KEY, -- keyed: without the secret nobody can test a guess
    key bytea NOT NULL
);
