-- The people register: the one place where names, phones, e-mail and document numbers stand, each person's encrypted
-- with a key of their own. Nothing here can be read or guessed at without the keys folder.

-- A closed person's tokens are refused; the key goes when the erasure is carried out.
ALTER TABLE people_keys
    ALTER COLUMN key DROP NOT NULL,
    ADD COLUMN closed boolean NOT NULL DEFAULT false;

-- One row for each person on one host's roll: the roll, not the phone, says who somebody is.
CREATE TABLE residents (
    person_id uuid PRIMARY KEY, -- random; the subject of their tokens
    host_id uuid NOT NULL,
    key bytea NOT NULL, -- the person's own, wrapped by the master key
    sealed bytea NOT NULL, -- name, phones, e-mail and document number, by that key
    document_digest bytea, -- all digests are keyed
    basis text NOT NULL,
    registered_at timestamptz NOT NULL,
    verify_by timestamptz, -- null once verified
    UNIQUE (host_id, person_id),
    UNIQUE (host_id, document_digest)
);

-- Whom a phone or an e-mail leads to: several, where a family shares one.
CREATE TABLE contacts (
    digest bytea,
    person_id uuid REFERENCES residents ON DELETE CASCADE,
    host_id uuid NOT NULL,
    named bytea NOT NULL, -- digest of the contact with the name: one person on one roll
    PRIMARY KEY (digest, person_id),
    UNIQUE (host_id, named)
);
CREATE INDEX contacts_person_idx ON contacts (person_id);

CREATE TABLE erasures (
    person_id uuid PRIMARY KEY REFERENCES residents ON DELETE CASCADE,
    requested_by text NOT NULL, -- pseudonyms
    reason bytea, -- by the person's key
    confirmed_by text CHECK (confirmed_by <> requested_by),
    confirmed_at timestamptz
);

-- Whoever is to be erased is gone for everybody at once, whenever that may be carried out.
CREATE VIEW roll AS
SELECT * FROM residents r
WHERE NOT EXISTS (SELECT FROM erasures e WHERE e.person_id = r.person_id AND e.confirmed_at IS NOT NULL);

CREATE TABLE holds (
    person_id uuid PRIMARY KEY REFERENCES residents ON DELETE CASCADE,
    held_by text NOT NULL
);

-- Who looked at or changed whose data. Kept when the person is erased: it holds no data of theirs.
CREATE TABLE register_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    by text NOT NULL, -- a pseudonym
    role text NOT NULL,
    act text NOT NULL,
    person_id uuid NOT NULL
);
CREATE INDEX register_log_person_idx ON register_log (person_id, id);

CREATE TABLE sign_in_codes (
    contact bytea PRIMARY KEY, -- digests, as above; whether anybody is registered makes no difference here
    code bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    attempts int NOT NULL DEFAULT 0
);

-- A sliding window for whatever is limited: requests for a code by contact, requests and failures by client address.
CREATE TABLE sign_in_attempts (
    what bytea NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX sign_in_attempts_idx ON sign_in_attempts (what, at);
CREATE INDEX sign_in_attempts_at_idx ON sign_in_attempts (at);
