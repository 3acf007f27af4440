-- Who is told of what has happened. Outside the read models: what was sent is not sent again when they are rebuilt.

-- How far the log has been told: from here on, since nobody wants to hear of what is long past.
CREATE TABLE notice_progress (position bigint NOT NULL);
INSERT INTO notice_progress SELECT coalesce(max(notification_id), 0) FROM stored_events;

CREATE TABLE notices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position bigint NOT NULL, -- of the event that it tells of
    petition_id uuid NOT NULL,
    role text NOT NULL,
    recipient text NOT NULL, -- a resident's pseudonym in the petition, or the organisation that the role is held for
    kind text NOT NULL,
    due_at timestamptz, -- by when something is wanted
    at timestamptz NOT NULL, -- of the event
    UNIQUE (role, recipient, petition_id, position, kind)
);
CREATE INDEX ON notices (role, recipient, id);

-- To be sent, or done with. For an organisation one for each of its people who want to be written to.
CREATE TABLE notice_deliveries (
    notice_id bigint REFERENCES notices ON DELETE CASCADE,
    owner bytea, -- of the settings; empty for a resident
    send_at timestamptz NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    outcome text, -- sent, muted, unreachable, given up
    PRIMARY KEY (notice_id, owner)
);
CREATE INDEX ON notice_deliveries (send_at) WHERE outcome IS NULL;

-- Whose pseudonym it is, encrypted: nothing in here joins two petitions.
CREATE TABLE notice_addresses (
    petition_id uuid,
    recipient text,
    sealed bytea NOT NULL,
    PRIMARY KEY (petition_id, recipient)
);

CREATE TABLE notice_settings (
    owner bytea PRIMARY KEY, -- a keyed digest of who it is
    role text NOT NULL,
    recipient text NOT NULL, -- as above; empty for a resident
    sealed bytea NOT NULL -- language, addresses and wishes
);
CREATE INDEX ON notice_settings (role, recipient);
