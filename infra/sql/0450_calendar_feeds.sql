-- Addresses under which a person reads their own meetings. Neither the address nor whose it is can be read from here.
CREATE TABLE calendar_feeds (
    owner bytea PRIMARY KEY, -- keyed digest of the person, in one role and organisation: each has one address at most
    token bytea NOT NULL UNIQUE, -- SHA-256
    sealed bytea NOT NULL, -- person, role and organisation, under a key made from the token
    made_at timestamptz NOT NULL DEFAULT now()
);
